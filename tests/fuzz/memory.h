/*
 * Fuzzing: a node that keeps what is written to it in memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_MEMORY_H
#define TESTS_FUZZ_MEMORY_H

#include "block/block_int.h"

/* Unit in which memory is taken */
#define MEMORY_PAGE 4096

/*
 * @length: of the node
 * @pages: those that hold something; all others are zeroes
 * @fail_after: this many writes and flushes succeed, then one fails; -1: none
 * @defer: requests take a while, in which others can come
 */
typedef struct Memory {
    uint64_t length;
    GHashTable *pages;
    int fail_after;
    bool defer;
} Memory;

Memory *memory_new(void);
void memory_free(Memory *m);

/* Page @n, to be written to; it exists from now on */
uint8_t *memory_page(Memory *m, uint64_t n);

/* Put @bytes at @offset, whatever the length of the node is */
void memory_put(Memory *m, uint64_t offset, const void *data, size_t bytes);

/* Get @bytes from @offset on; what was never put there is zero */
void memory_get(Memory *m, uint64_t offset, void *to, size_t bytes);

/* A node on @m, called @node_name; it does not own @m */
BlockDriverState *memory_open(Memory *m, const char *node_name);

#endif /* TESTS_FUZZ_MEMORY_H */
