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

int __wrap_zoned_proof_holds(BdrvChild *file, const ZonedHeader *h,
                             const ZonedRoot *root)
{
    return sabotage == ORDER ? 1 : __real_zoned_proof_holds(file, h, root);
}

int __wrap_zoned_meta_commit(ZonedMeta *m)
{
    if (sabotage == REUSE && lab_in_write()) {
        return 0;
    }
    return __real_zoned_meta_commit(m);
}

uint32_t __wrap_crc32c(uint32_t crc, const uint8_t *data, unsigned int length)
{
    return sabotage == CHECKSUM ? 0 : __real_crc32c(crc, data, length);
}
