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

typedef struct ProofContext {
    BdrvChild *file;
    bool rewrite;
    uint32_t sum;
} ProofContext;

/* One piece of what is proven is in @buf */
static int visit_chunk(ProofContext *p, uint64_t offset, uint64_t bytes,
                       const uint8_t *buf)
{
    if (p->rewrite) {
        return bdrv_pwrite(p->file, offset, bytes, buf, 0);
    }
    p->sum = crc32(p->sum, buf, bytes);
    return 0;
}

static int visit_tail(ProofContext *p, const ZonedHeader *h, const ZonedTail *t,
                      uint8_t *buf)
{
    uint64_t offset = h->data_offset +
                      zone_geometry_start(&h->geometry, t->zone) +
                      t->end - t->proven;
    uint64_t bytes = t->proven;

    while (bytes) {
        uint64_t n = MIN(bytes, CHUNK);
        int ret = bdrv_pread(p->file, offset, n, buf, 0);

        if (ret >= 0) {
            ret = visit_chunk(p, offset, n, buf);
        }
        if (ret < 0) {
            return ret;
        }
        offset += n;
        bytes -= n;
    }
    return 0;
}

static bool proves_anything(const ZonedRoot *root)
{
    uint32_t n;

    for (n = 0; n < root->nr_tails; n++) {
        if (root->tails[n].proven) {
            return true;
        }
    }
    return false;
}

/* All that @root proves, of one tail after the other */
static int visit_proven(ProofContext *p, const ZonedHeader *h,
                        const ZonedRoot *root)
{
    uint8_t *buf = qemu_blockalign(p->file->bs, CHUNK);
    uint32_t n;
    int ret = 0;

    for (n = 0; n < root->nr_tails && ret >= 0; n++) {
        ret = visit_tail(p, h, &root->tails[n], buf);
    }
    qemu_vfree(buf);
    return ret;
}

int zoned_proof_holds(BdrvChild *file, const ZonedHeader *h,
                      const ZonedRoot *root)
{
    ProofContext p = {
        .file = file,
        .sum = crc32(0, NULL, 0),
    };
    int ret;

    if (!proves_anything(root)) {
        return 1;
    }
    ret = visit_proven(&p, h, root);
    return ret < 0 ? ret : p.sum == root->proof;
}

int zoned_proof_rewrite(BdrvChild *file, const ZonedHeader *h,
                        const ZonedRoot *root)
{
    ProofContext p = {
        .file = file,
        .rewrite = true,
    };

    return proves_anything(root) ? visit_proven(&p, h, root) : 0;
}

void zoned_proof_cut(ZonedRoot *root)
{
    uint32_t n;

    for (n = 0; n < root->nr_tails; n++) {
        root->tails[n].end -= root->tails[n].proven;
        root->tails[n].proven = 0;
    }
    root->proof = 0;
}
