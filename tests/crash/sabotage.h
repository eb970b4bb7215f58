/*
 * Crash laboratory: break the image format on purpose, to see whether the
 * laboratory finds it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_SABOTAGE_H
#define TESTS_CRASH_SABOTAGE_H

#include "block/zoned-meta.h"

/*
 * From now on the format is broken as the name says.  Returns false if
 * there is none.
 */
bool sabotage_begin(const char *name);

/*
 * What the linker makes of four functions: __wrap_... is called in their
 * place, and __real_... is the function.
 */
int __real_bdrv_flush(BlockDriverState *bs);
int __wrap_bdrv_flush(BlockDriverState *bs);
bool __real_zoned_datasum_matches(uint64_t key, uint64_t sum, const void *buf,
                                  uint64_t bytes);
bool __wrap_zoned_datasum_matches(uint64_t key, uint64_t sum, const void *buf,
                                  uint64_t bytes);
int coroutine_fn __real_zoned_meta_before_write(ZonedMeta *m, uint32_t i);
int coroutine_fn __wrap_zoned_meta_before_write(ZonedMeta *m, uint32_t i);
uint32_t __real_crc32c(uint32_t crc, const uint8_t *data, unsigned int length);
uint32_t __wrap_crc32c(uint32_t crc, const uint8_t *data, unsigned int length);

#endif /* TESTS_CRASH_SABOTAGE_H */
