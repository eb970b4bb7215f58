/*
 * Crash laboratory: break the image format on purpose, to see whether the
 * laboratory finds it
 *
 * The format's own code is the one that everybody uses.  The linker replaces
 * four functions that it calls (--wrap) in this program alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "lab.h"
#include "medium.h"
#include "sabotage.h"

static enum {
    NONE,
    ORDER,      /* a root counts before its table and data are durable */
    REUSE,      /* a zone is written again before its reset is durable */
    CHECKSUM,   /* metadata is taken for intact without its checksum */
} sabotage;

bool sabotage_begin(const char *name)
{
    if (!strcmp(name, "order")) {
        sabotage = ORDER;
    } else if (!strcmp(name, "reuse")) {
        sabotage = REUSE;
    } else if (!strcmp(name, "checksum")) {
        sabotage = CHECKSUM;
    } else {
        return false;
    }
    return true;
}

int __wrap_bdrv_flush(BlockDriverState *bs)
{
    Medium *m = medium_of(bs);

    if (sabotage == ORDER && m && m->last_was_table) {
        return 0;
    }
    return __real_bdrv_flush(bs);
}

bool __wrap_zoned_datasum_matches(uint64_t key, uint64_t sum, const void *buf,
                                  uint64_t bytes)
{
    return sabotage == ORDER ||
           __real_zoned_datasum_matches(key, sum, buf, bytes);
}

int coroutine_fn __wrap_zoned_meta_before_write(ZonedMeta *m, uint32_t i)
{
    return sabotage == REUSE ? 0 : __real_zoned_meta_before_write(m, i);
}

uint32_t __wrap_crc32c(uint32_t crc, const uint8_t *data, unsigned int length)
{
    return sabotage == CHECKSUM ? 0 : __real_crc32c(crc, data, length);
}
