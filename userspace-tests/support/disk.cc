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

Fd open_control()
{
	return Fd(open("/dev/mapper/control", O_RDWR | O_CLOEXEC), "open /dev/mapper/control");
}

/* Makes the device that @table, which was filled by add_target(), describes; its node in /dev. */
std::string make_device(int control, Request &table)
{
	Request create = request();
	Request resume = request();

	checked(ioctl(control, DM_DEV_CREATE, &create), "DM_DEV_CREATE");
	checked(ioctl(control, DM_TABLE_LOAD, &table), "DM_TABLE_LOAD");
	checked(ioctl(control, DM_DEV_SUSPEND, &resume), "DM_DEV_SUSPEND");
	return "/dev/dm-" + std::to_string(minor(create.header.dev));
}

void remove_device(int control)
{
	Request remove = request();

	ioctl(control, DM_DEV_REMOVE, &remove);
}

std::string start_of_test_disk()
{
	return required_env(block_device) + " 0";
}

} // namespace

FaultyDisk::FaultyDisk(size_t good, size_t bad) : control_(open_control())
{
	Request table = request();

	add_target(table, "linear", 0, good, start_of_test_disk());
	add_target(table, "error", good, bad, "");

	const std::string node = make_device(control_.get(), table);

	fd_ = Fd(open(node.c_str(), O_RDONLY | O_CLOEXEC), "open " + node);
}

FaultyDisk::~FaultyDisk()
{
	fd_.reset();
	remove_device(control_.get());
}

HeldDisk::HeldDisk() : control_(open_control())
{
	Request table = request();
	Fd disk(open(required_env(block_device).c_str(), O_RDONLY | O_CLOEXEC),
		"open the test disk");

	add_target(table, "linear", 0, size_t(checked(lseek(disk.get(), 0, SEEK_END), "its size")),
		   start_of_test_disk());
	path_ = make_device(control_.get(), table);
}

HeldDisk::~HeldDisk()
{
	let_go();
	remove_device(control_.get());
}

void HeldDisk::hold()
{
	Request suspend = request();

	/* The file system on it goes on in memory. */
	suspend.header.flags = DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG | DM_NOFLUSH_FLAG;
	checked(ioctl(control_.get(), DM_DEV_SUSPEND, &suspend), "suspend a disk");
}

void HeldDisk::let_go()
{
	Request resume = request();

	ioctl(control_.get(), DM_DEV_SUSPEND, &resume);
}
