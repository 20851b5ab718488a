// SPDX-License-Identifier: MIT
#include "wait.h"

#include <algorithm>
#include <cerrno>
#include <sys/eventfd.h>
#include <unistd.h>

namespace privpipe {

using Clock = std::chrono::steady_clock;

Wait::Wait(const Until &until, std::array<pollfd, 2> files)
	: until_(until),
	  limited_(until.stop.stop_possible() || until.deadline != Clock::time_point::max()),
	  files_(files)
{
	if (!until.stop.stop_possible())
		return;
	stopped_ = Fd(::eventfd(0, EFD_CLOEXEC));
	if (!stopped_)
		no_event_ = {errno, std::generic_category()};
	else
		callback_.emplace(until.stop, Wake{stopped_.get()});
}

void Wait::Wake::operator()() const noexcept
{
	(void)::eventfd_write(fd, 1);
}

std::error_code Wait::operator()() const
{
	if (!limited_)
		return {};
	if (no_event_)
		return no_event_;
	for (const pollfd &file : files_) {
		if (file.fd < 0)
			continue; // the call itself will report it
		if (const auto error = wait_for(file))
			return error;
	}
	return {};
}

std::error_code Wait::wait_for(pollfd file) const
{
	for (;;) {
		if (until_.stop.stop_requested())
			return std::make_error_code(std::errc::operation_canceled);
		const auto now = Clock::now();
		if (until_.deadline <= now)
			return std::make_error_code(std::errc::timed_out);
		const auto left = until_.deadline - now;

		using std::chrono::milliseconds;
		const auto time = std::min<milliseconds>(std::chrono::ceil<milliseconds>(left),
							 std::chrono::hours(1));
		std::array<pollfd, 2> both{file, pollfd{stopped_.get(), POLLIN, 0}};
		const int ready = ::poll(both.data(), both.size(), int(time.count()));
		if (ready < 0 && errno != EINTR)
			return {errno, std::generic_category()};
		// After an error, too, the call itself will report it.
		if (ready > 0 && both[0].revents)
			return {};
	}
}

} // namespace privpipe
