// SPDX-License-Identifier: GPL-2.0
/*
 * Splices a file into a pipe, writes to the file, and says what the pipe has then. Succeeds if the
 * pipe has the old bytes, that is, a copy.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	int file = open("/var/tmp", O_TMPFILE | O_RDWR, 0600);
	char bytes[3] = "old";
	off64_t offset = 0;
	int pipe_ends[2];

	if (file < 0 || pipe(pipe_ends) || pwrite(file, bytes, sizeof(bytes), 0) != sizeof(bytes))
		err(2, "make a file and a pipe");
	if (splice(file, &offset, pipe_ends[1], NULL, sizeof(bytes), 0) != sizeof(bytes))
		err(2, "splice");
	if (pwrite(file, "new", sizeof(bytes), 0) != sizeof(bytes))
		err(2, "write");
	if (read(pipe_ends[0], bytes, sizeof(bytes)) != sizeof(bytes))
		err(2, "read");
	printf("the pipe has the %.3s bytes\n", bytes);
	return memcmp(bytes, "old", sizeof(bytes)) != 0;
}
