// SPDX-License-Identifier: GPL-2.0
#include "support/result.hh"

#include <cstring>

void PrintTo(Result result, std::ostream *out)
{
	if (result.ok()) {
		*out << result.value << " bytes";
		return;
	}

	const char *name = strerrorname_np(static_cast<int>(-result.value));

	*out << (name ? name : "no errno at all") << " (" << result.value << ")";
}
