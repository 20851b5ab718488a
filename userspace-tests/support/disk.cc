// SPDX-License-Identifier: GPL-2.0
#include "support/disk.hh"

#include "support/files.hh"

#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <cstring>

namespace {

constexpr size_t sector = 512;
constexpr const char *name = "privpipe-test";

/* A device mapper request and the table that follows it. */
struct Request {
	dm_ioctl header;
	char payload[1024];
	size_t used;
};

Request request()
{
	Request r = {};

	r.header.version[0] = DM_VERSION_MAJOR;
	r.header.data_size = offsetof(Request, used);
	r.header.data_start = sizeof(dm_ioctl);
	strcpy(r.header.name, name);
	return r;
}

void add_target(Request &r, const char *type, size_t start, size_t bytes, const std::string &how)
{
	dm_target_spec spec = {};

	spec.sector_start = start / sector;
	spec.length = bytes / sector;
	strcpy(spec.target_type, type);
	/* The next one begins at a multiple of 8 bytes. */
	spec.next = static_cast<__u32>((sizeof(spec) + how.size() + 8) & ~size_t(7));
	memcpy(r.payload + r.used, &spec, sizeof(spec));
	memcpy(r.payload + r.used + sizeof(spec), how.c_str(), how.size() + 1);
	r.used += spec.next;
	r.header.target_count++;
}

} // namespace

FaultyDisk::FaultyDisk(size_t good, size_t bad)
	: control_(open("/dev/mapper/control", O_RDWR | O_CLOEXEC), "open /dev/mapper/control")
{
	Request create = request();
	Request table = request();
	Request resume = request();

	checked(ioctl(control_.get(), DM_DEV_CREATE, &create), "DM_DEV_CREATE");
	add_target(table, "linear", 0, good, required_env(block_device) + " 0");
	add_target(table, "error", good, bad, "");
	checked(ioctl(control_.get(), DM_TABLE_LOAD, &table), "DM_TABLE_LOAD");
	checked(ioctl(control_.get(), DM_DEV_SUSPEND, &resume), "DM_DEV_SUSPEND");

	std::string node = "/dev/dm-" + std::to_string(minor(create.header.dev));

	fd_ = Fd(open(node.c_str(), O_RDONLY | O_CLOEXEC), "open " + node);
}

FaultyDisk::~FaultyDisk()
{
	Request remove = request();

	fd_.reset();
	ioctl(control_.get(), DM_DEV_REMOVE, &remove);
}
