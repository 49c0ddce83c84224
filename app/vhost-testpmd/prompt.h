/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The console: commands of vhost-testpmd on librte_cmdline.
 */
#ifndef VTP_PROMPT_H
#define VTP_PROMPT_H

#include <stdbool.h>

/** @param terminal  standard input is one: edit lines in raw mode. @return 0, -1 */
int prompt_open(bool terminal);

/** Feed what was read from standard input. @return false when "quit" or end of input was typed */
bool prompt_input(const char *bytes, int n);

/** Put the terminal back as it was. */
void prompt_close(void);

/** Print the statistics of all ports. */
void prompt_show_all_stats(void);

/** Start forwarding and say so. @return 0, -1 */
int prompt_start(void);

#endif /* VTP_PROMPT_H */
