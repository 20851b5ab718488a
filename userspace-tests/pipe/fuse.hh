/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A FUSE file system of one file, whose daemon gets its requests by splice. Reads it answers as
 * libfuse does: by splice, and when the answer turns out to be shorter than what was asked for, it
 * corrects the header that is in the pipe already, in its own memory.
 */
#pragma once

#include "pipe/pipe.hh"
#include "support/fd.hh"

#include <linux/fuse.h>

#include <atomic>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

class FuseFile {
public:
	/** Moves a request from the device to a pipe; returns what splice(2) does. */
	using Receive = std::function<ssize_t(int device, int pipe)>;

	/** @content is what reads get; @receive gets the requests, by just a splice unless given.
	 */
	explicit FuseFile(std::string content = "", Receive receive = receive_by_splice);
	~FuseFile();
	FuseFile(const FuseFile &) = delete;
	FuseFile &operator=(const FuseFile &) = delete;

	static ssize_t receive_by_splice(int device, int pipe);
	/** Where the process @daemon mounts it. */
	static std::string path_of(pid_t daemon);
	/** Where it is mounted. */
	const std::string &path() const { return path_; }
	/** Makes it a stream for whoever opens it from now on: a read can't be repeated. */
	void become_stream() { stream_ = true; }
	/** Lets reads wait for their answers until release(), also when signals come. */
	void hold() { held_ = true; }
	void release();
	/** Waits until a read came that waits now. */
	void wait_for_read() const { reading_.wait(false); }
	/** Ends it; the pipes that the data of the writes is in, one for each. */
	std::vector<Pipe> take_writes();

private:
	void serve();
	void answer_read(const fuse_in_header &request, const fuse_read_in &in);

	std::string path_, content_;
	Receive receive_;
	Fd device_;
	std::vector<Pipe> writes_;
	std::atomic<bool> stream_ = false, held_ = false, reading_ = false;
	std::thread daemon_;
};
