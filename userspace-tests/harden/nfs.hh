/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's NFS server and a mount of it in the same kernel. The guest has none of the programs
 * that usually set them up.
 */
#pragma once

#include <string>

class NfsServer {
public:
	/** Loads the modules, and serves the file system that is mounted at @directory. */
	explicit NfsServer(const std::string &directory);
	/** Removes the modules, too. */
	~NfsServer();
	NfsServer(const NfsServer &) = delete;
	NfsServer &operator=(const NfsServer &) = delete;

	/** Where the client has mounted it. */
	const std::string &path() const { return path_; }
	/** Waits until the server's only thread waits for a disk; false if it doesn't within 30 s.
	 */
	bool waits_for_disk() const;

private:
	std::string path_;
};
