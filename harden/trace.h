/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events are laid out as in all of the kernel, which checkpatch does not know:
 * checkpatch: PARENTHESIS_ALIGNMENT: see there
 * checkpatch: OPEN_ENDED_LINE: see there
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM privpipe_harden

#if !defined(PRIVPIPE_HARDEN_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define PRIVPIPE_HARDEN_TRACE_H

#include <linux/sched.h>
#include <linux/tracepoint.h>

/* A call that would copy, were it not for audit mode. */
TRACE_EVENT(would_copy,
	TP_PROTO(const char *path),
	TP_ARGS(path),
	TP_STRUCT__entry(
		__array(char, comm, TASK_COMM_LEN)
		__field(pid_t, pid)
		__string(path, path)
	),
	TP_fast_assign(
		memcpy(__entry->comm, current->comm, TASK_COMM_LEN);
		__entry->pid = current->pid;
		__assign_str(path);
	),
	TP_printk("comm=%s pid=%d path=%s", __entry->comm, __entry->pid,
		  __get_str(path))
);

#endif /* PRIVPIPE_HARDEN_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
