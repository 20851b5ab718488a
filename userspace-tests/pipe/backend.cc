// SPDX-License-Identifier: GPL-2.0
#include "pipe/backend.hh"

#include <unistd.h>

#include <map>

namespace {

using Factory = std::unique_ptr<Backend> (*)();

/* A function, because registration runs before main() in no particular order. */
std::map<std::string_view, Factory> &registry()
{
	static std::map<std::string_view, Factory> factories;

	return factories;
}

std::unique_ptr<Backend> &selected()
{
	static std::unique_ptr<Backend> backend;

	return backend;
}

} // namespace

bool register_backend(std::string_view name, Factory make)
{
	return registry().emplace(name, make).second;
}

std::vector<std::string_view> backend_names()
{
	std::vector<std::string_view> names;

	for (const auto &[name, make] : registry())
		names.push_back(name);
	return names;
}

bool select_backend(std::string_view name)
{
	auto found = registry().find(name);

	if (found == registry().end())
		return false;
	selected() = found->second();
	return true;
}

Backend &backend()
{
	return *selected();
}

Result Backend::read(int fd, void *buf, size_t len)
{
	return result_of(::read(fd, buf, len));
}

Result Backend::write(int fd, const void *buf, size_t len)
{
	return result_of(::write(fd, buf, len));
}
