// SPDX-License-Identifier: MIT
#pragma once

#include <privpipe/privpipe.hpp>

#include <array>
#include <optional>
#include <poll.h>

namespace privpipe {

/** Waits for files within the limits of an Until; does nothing if there is no limit. */
class Wait {
public:
	/** @param files the files that must be ready for a call; a descriptor of -1 is ignored */
	Wait(const Until &until, std::array<pollfd, 2> files);

	Wait(const Wait &) = delete;
	Wait &operator=(const Wait &) = delete;

	/** @return whether there is a limit, so that calls must not block */
	[[nodiscard]] bool limited() const { return limited_; }

	/** @return whether to wait and call again after such an error */
	[[nodiscard]] bool again(std::error_code error) const
	{
		return limited_ && error == std::errc::resource_unavailable_try_again;
	}

	/** Waits until all files are ready. @return the reason if it ended earlier, or nothing */
	std::error_code operator()() const;

private:
	struct Wake {
		int fd;
		void operator()() const noexcept;
	};

	[[nodiscard]] std::error_code wait_for(pollfd file) const;

	const Until &until_;
	bool limited_;
	std::array<pollfd, 2> files_;
	Fd stopped_;               // becomes readable with the request to stop
	std::error_code no_event_; // why stopped_ could not be made
	std::optional<std::stop_callback<Wake>> callback_;
};

} // namespace privpipe
