/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel's and libc's side of interrupts from other CPUs call each other. */
#ifndef _LAB_IPI_H
#define _LAB_IPI_H

void lab_ipi_enable(void);
int lab_ipi_block(void);
void lab_ipi_install(void);

#endif
