/*
 * The zoned image format: roots that prove what they speak of
 *
 * Without this, a commit needs two flushes: the table and the data have to be
 * durable before the root is written.  Where it only adds a little data, a
 * checksum of that is put into the root; then one flush makes all durable, and
 * a crash before its end is seen when the image is opened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qemu/bswap.h"
#include "qemu/memalign.h"
#include "block/block_int.h"
#include "zoned-proof.h"

/* How much is read at once */
#define CHUNK (256 * KiB)

/*
 * A checksum of what is in the file, on its way.
 *
 * @buf: CHUNK bytes
 * @block: number of the block of the table that was read last
 * @entries, @block_sum: what it says, and its own checksum
 * @bytes: how much data may still be read
 * @sum: until now
 */
typedef struct ProofSum {
    BdrvChild *file;
    const ZonedHeader *header;
    const ZonedRoot *root;
    uint8_t *buf;
    uint32_t block;
    uint64_t entries[ZONED_ZONES_PER_BLOCK];
    uint32_t block_sum;
    uint64_t bytes;
    uint32_t sum;
} ProofSum;

static uint32_t add_block(uint32_t sum, uint32_t block_sum)
{
    uint8_t buf[sizeof(block_sum)];

    stl_le_p(buf, block_sum);
    return crc32(sum, buf, sizeof(buf));
}

bool zoned_proof_add(const ZonedHeader *h, ZonedCommit *c, uint32_t zone,
                     uint64_t start, uint64_t end, uint32_t data_sum,
                     uint32_t block_sum)
{
    ZonedRoot *root = &c->root;

    if (root->nr_proven == zoned_root_max_proven(h) ||
        end - start > ZONED_MAX_PROVEN_BYTES - c->proven_bytes) {
        return false;
    }
    root->proven[root->nr_proven++] = (ZonedProven) {
        .zone = zone,
        .start = start,
    };
    root->proof = crc32_combine(add_block(root->proof, block_sum), data_sum,
                                end - start);
    c->proven_bytes += end - start;
    return true;
}

/*
 * The functions below return 1; 0 where the medium has something that cannot
 * be proven; or the error of a read.
 */

/* What block @block says */
static int load_block(ProofSum *p, uint32_t block)
{
    int copy = zoned_root_copy(p->root, block);
    int ret = bdrv_pread(p->file, zoned_table_offset(p->header, copy, block),
                         ZONED_BLOCK_SIZE, p->buf, 0);

    if (ret < 0) {
        return ret;
    }
    if (!zoned_table_decode(p->header, block, p->entries, p->buf,
                            &p->block_sum)) {
        return 0;
    }
    p->block = block;
    return 1;
}

static int add_data(ProofSum *p, uint64_t offset, uint64_t bytes)
{
    while (bytes) {
        uint64_t n = MIN(bytes, CHUNK);
        int ret = bdrv_pread(p->file, offset, n, p->buf, 0);

        if (ret < 0) {
            return ret;
        }
        p->sum = crc32(p->sum, p->buf, n);
        offset += n;
        bytes -= n;
    }
    return 1;
}

static int add_zone(ProofSum *p, const ZonedProven *z)
{
    const ZoneGeometry *g = &p->header->geometry;
    uint32_t block = z->zone / ZONED_ZONES_PER_BLOCK;
    uint64_t end;

    if (z->zone >= zone_geometry_nr_zones(g)) {
        return 0;
    }
    if (block != p->block) {
        int ret = load_block(p, block);

        if (ret <= 0) {
            return ret;
        }
    }
    end = zoned_entry_wp(p->entries[z->zone % ZONED_ZONES_PER_BLOCK]);
    if (end < z->start || end > zone_geometry_capacity(g, z->zone) ||
        end - z->start > p->bytes) {
        return 0;
    }
    p->sum = add_block(p->sum, p->block_sum);
    p->bytes -= end - z->start;
    return add_data(p, p->header->data_offset +
                       zone_geometry_start(g, z->zone) + z->start,
                    end - z->start);
}

int zoned_proof_holds(BdrvChild *file, const ZonedHeader *h,
                      const ZonedRoot *root)
{
    ProofSum p = {
        .file = file,
        .header = h,
        .root = root,
        .block = UINT32_MAX,
        .bytes = ZONED_MAX_PROVEN_BYTES,
        .sum = crc32(0, NULL, 0),
    };
    uint32_t n;
    int ret = 1;

    if (!root->nr_proven) {
        return 1;
    }
    p.buf = qemu_blockalign(file->bs, CHUNK);
    for (n = 0; n < root->nr_proven && ret > 0; n++) {
        ret = add_zone(&p, &root->proven[n]);
    }
    qemu_vfree(p.buf);
    return ret <= 0 ? ret : p.sum == root->proof;
}
