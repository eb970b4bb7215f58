/*
 * The zoned image format: roots that prove what they speak of
 *
 * Without this, a commit needs two flushes: data has to be durable before a
 * root that speaks of it is written.  Where there is only a little of it, its
 * checksum is put into the root; then one flush makes both durable, and a crash
 * before its end is seen when the image is opened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qemu/memalign.h"
#include "block/block_int.h"
#include "zoned-proof.h"

/* How much is read at once */
#define CHUNK (256 * KiB)

/* Adds what is in @file from @offset on to *@sum; @buf has CHUNK bytes */
static int add_data(BdrvChild *file, uint64_t offset, uint64_t bytes,
                    uint8_t *buf, uint32_t *sum)
{
    while (bytes) {
        uint64_t n = MIN(bytes, CHUNK);
        int ret = bdrv_pread(file, offset, n, buf, 0);

        if (ret < 0) {
            return ret;
        }
        *sum = crc32(*sum, buf, n);
        offset += n;
        bytes -= n;
    }
    return 0;
}

int zoned_proof_holds(BdrvChild *file, const ZonedHeader *h,
                      const ZonedRoot *root)
{
    uint8_t *buf = NULL;
    uint32_t sum = crc32(0, NULL, 0);
    uint32_t n;
    int ret = 0;

    for (n = 0; n < root->nr_tails && ret >= 0; n++) {
        const ZonedTail *t = &root->tails[n];

        if (!t->proven) {
            continue;
        }
        if (!buf) {
            buf = qemu_blockalign(file->bs, CHUNK);
        }
        ret = add_data(file, h->data_offset +
                       zone_geometry_start(&h->geometry, t->zone) +
                       t->end - t->proven, t->proven, buf, &sum);
    }
    if (ret >= 0) {
        ret = !buf || sum == root->proof;
    }
    qemu_vfree(buf);
    return ret;
}
