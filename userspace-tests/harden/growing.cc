// SPDX-License-Identifier: GPL-2.0
/*
 * A file that grows while the NFS server reads it. The server expects the next bytes in the page
 * that it got last, which is right for pages that belong to the file.
 */
#include "harden/control.hh"
#include "harden/nfs.hh"
#include "support/async.hh"
#include "support/bytes.hh"
#include "support/disk.hh"
#include "support/files.hh"

#include <gtest/gtest.h>

#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>

namespace {

/* A file system to serve, on a disk that can be held. */
class Export {
public:
	Export() : path_("/tmp/export")
	{
		const std::string make = "mke2fs -F -b 4096 " + disk_.path() + " >/dev/null";

		mkdir(path_.c_str(), 0755);
		if (std::system(make.c_str()))
			throw_errno(make);
		/* Without a journal, so that a file can grow while the disk is held. */
		checked(mount(disk_.path().c_str(), path_.c_str(), "ext4", 0, nullptr),
			"mount " + path_);
	}
	~Export() { umount(path_.c_str()); }
	Export(const Export &) = delete;
	Export &operator=(const Export &) = delete;

	HeldDisk &disk() { return disk_; }
	const std::string &path() const { return path_; }

private:
	HeldDisk disk_;
	std::string path_;
};

/*
 * The server reads the length of the file and then waits for its first page. Meanwhile the file
 * grows within its last page, which is in the cache.
 */
void expect_to_arrive_whole(Export &exported, const NfsServer &server)
{
	constexpr size_t length = 2 * page_size + 1000, longer = length + 2000;
	const std::string bytes = pattern(longer), name = "/growing";
	Fd local(open((exported.path() + name).c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644),
		 "create");
	Mapping buffer(16 * page_size);

	write_at(local.get(), 0, bytes.substr(0, length));
	checked(fsync(local.get()), "fsync");
	posix_fadvise(local.get(), 0, 2 * page_size, POSIX_FADV_DONTNEED);
	ASSERT_LE(cached(local.get(), length), page_size);
	/* Or the client would ask for no more than it knows of. */
	Fd remote(open((server.path() + name).c_str(), O_RDONLY | O_DIRECT), "open over NFS");

	exported.disk().hold();
	Async call([&] { return pread(remote.get(), buffer.data(), buffer.size(), 0); });
	EXPECT_TRUE(server.waits_for_disk());
	write_at(local.get(), length, bytes.substr(length));
	exported.disk().let_go();
	EXPECT_EQ(call.get(), ssize_t(longer));
	EXPECT_TRUE(same(buffer.view().substr(0, longer), bytes));
}

} // namespace

TEST(GrowingFile, ArrivesWholeOverNfsBeforeMeanwhileAndAfter)
{
	Export exported;
	NfsServer server(exported.path());

	expect_to_arrive_whole(exported, server);
	ASSERT_EQ(harden(), moved(0));
	expect_to_arrive_whole(exported, server);
	EXPECT_EQ(soften(), moved(0));
	expect_to_arrive_whole(exported, server);
}

TEST(GrowingFile, ArrivesWholeFromAServerThatIsLoadedAfterwards)
{
	ASSERT_EQ(harden(), moved(0));
	{
		Export exported;
		NfsServer server(exported.path());

		expect_to_arrive_whole(exported, server);
	}
	EXPECT_EQ(soften(), moved(0));
}
