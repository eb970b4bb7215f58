/*
 * Unit tests for the datasums of a zoned image: of data, of the data of zones
 * since the last commit, and of writes, of which only so many are copied
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "qemu/units.h"
#include "block/block_int.h"
#include "crypto/init.h"
#include "block/zoned-datasum.h"

#define P     ZONED_DATASUM_PRIME
#define KEY   0x123456789abcdefULL
#define LIMIT (256 * KiB)

static uint8_t data[64 * KiB];

/* Keys where something could go wrong */
static const uint64_t keys[] = {
    1, 2, 12345, UINT32_MAX, 1ULL << 32, 1ULL << 60, (1ULL << 60) + 1, KEY,
    P - 2, P - 1,
};

/*
 * The sum as its definition has it
 */

/* @a * @b modulo P, bit by bit; no intermediate result reaches 2^62 */
static uint64_t slow_mul(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    int bit;

    for (bit = 60; bit >= 0; bit--) {
        product = product * 2 % P;
        if (b >> bit & 1) {
            product = (product + a) % P;
        }
    }
    return product;
}

static uint64_t slow_step(uint64_t key, uint64_t sum, const uint8_t *word)
{
    return (slow_mul(sum, key) + (uint32_t)ldl_le_p(word)) % P;
}

static uint64_t slow_datasum(uint64_t key, uint64_t sum, const uint8_t *buf,
                             uint64_t bytes)
{
    uint64_t i;

    for (i = 0; i < bytes; i += 4) {
        sum = slow_step(key, sum, buf + i);
    }
    return sum;
}

/* These are for ever: they were made by another program */
static void test_known(void)
{
    uint8_t bytes[256], ones[4096];
    int i;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = i;
    }
    memset(ones, 0xff, sizeof(ones));

    g_assert_cmphex(P, ==, 0x1fffffffffffffffULL);
    g_assert_cmphex(zoned_datasum(12345, 0, "", 0), ==, 0);
    g_assert_cmphex(zoned_datasum(12345, 0, "abcd", 4), ==, 0x64636261);
    g_assert_cmpuint(zoned_datasum(12345, 0, "abcdefgh", 8), ==,
                     20793630817790ULL);
    g_assert_cmphex(zoned_datasum(12345, 0, bytes, 64), ==,
                    0x11a2016892fceb14ULL);
    g_assert_cmphex(zoned_datasum(KEY, 0, bytes, 256), ==,
                    0x17b79b29b2cb2694ULL);
    g_assert_cmphex(zoned_datasum(1, 0, ones, 4096), ==, 0x3fffffffc00ULL);
    g_assert_cmphex(zoned_datasum(2, 0, ones, 4096), ==,
                    0x1ffeffff00080000ULL);
    g_assert_cmphex(zoned_datasum(12345, 0, ones, 4096), ==,
                    0x2af305e169bef61ULL);
    /* This key is -1, with which words cancel each other out */
    g_assert_cmphex(zoned_datasum(P - 1, 0, ones, 4096), ==, 0);
}

/* All lengths up to that of a block, at any place in memory */
static void test_lengths(void)
{
    g_autofree uint8_t *buf = g_malloc(4096 + 64);
    int k, len, shift;

    for (k = 0; k < ARRAY_SIZE(keys); k++) {
        uint64_t sum = 0;

        for (len = 0; len <= 4096; len += 4) {
            g_assert_cmphex(zoned_datasum(keys[k], 0, data, len), ==, sum);
            g_assert(zoned_datasum_matches(keys[k], sum, data, len));
            g_assert(!zoned_datasum_matches(keys[k], sum ^ 1, data, len));
            sum = slow_step(keys[k], sum, data + len);
        }
        for (shift = 1; shift < 64; shift++) {
            memcpy(buf + shift, data, 4096);
            for (len = 0; len <= 100; len += 4) {
                g_assert_cmphex(zoned_datasum(keys[k], 0, buf + shift, len),
                                ==, slow_datasum(keys[k], 0, data, len));
            }
        }
    }
}

/* The largest words, keys and sums that there are */
static void test_worst_case(void)
{
    uint8_t ones[4096];
    int k, len;

    memset(ones, 0xff, sizeof(ones));
    for (k = 0; k < ARRAY_SIZE(keys); k++) {
        const uint64_t key = keys[k];
        uint64_t sum = 0, continued = P - 1;

        for (len = 0; len <= sizeof(ones); len += 4) {
            uint64_t got = zoned_datasum(key, P - 1, ones, len);

            g_assert_cmphex(zoned_datasum(key, 0, ones, len), ==, sum);
            g_assert_cmphex(got, ==, continued);
            g_assert_cmphex(got, <, P);
            if (len < sizeof(ones)) {
                sum = slow_step(key, sum, ones + len);
                continued = slow_step(key, continued, ones + len);
            }
        }
    }
}

static void test_random(void)
{
    int i;

    for (i = 0; i < 1000; i++) {
        uint64_t key, sum = g_random_int();
        uint32_t start = g_test_rand_int_range(0, sizeof(data) - 600);
        uint32_t len = g_test_rand_int_range(0, 150) * 4;

        g_assert(zoned_datasum_random_key(&key, &error_abort));
        g_assert_cmphex(zoned_datasum(key, sum, data + start, len), ==,
                        slow_datasum(key, sum, data + start, len));
    }
}

/* The sum of two pieces, one after the other or each for itself */
static void check_pieces(uint64_t key, const uint8_t *buf, uint64_t first,
                         uint64_t second)
{
    uint64_t all = zoned_datasum(key, 0, buf, first + second);
    uint64_t a = zoned_datasum(key, 0, buf, first);
    uint64_t b = zoned_datasum(key, 0, buf + first, second);

    g_assert_cmphex(zoned_datasum(key, a, buf + first, second), ==, all);
    g_assert_cmphex(zoned_datasum_join(key, a, b, second), ==, all);
}

static void test_pieces(void)
{
    uint8_t ones[4096];
    int k, len;

    memset(ones, 0xff, sizeof(ones));
    for (k = 0; k < ARRAY_SIZE(keys); k++) {
        for (len = 0; len <= 4096; len += 4) {
            check_pieces(keys[k], data, len, 4096 - len);
            check_pieces(keys[k], data, 4096, len);
            check_pieces(keys[k], ones, len, 4096 - len);
        }
        check_pieces(keys[k], data, 512, sizeof(data) - 512);
        check_pieces(keys[k], data, sizeof(data) - 512, 512);
        g_assert_cmphex(zoned_datasum_join(keys[k], P - 1, P - 1, 4), ==,
                        (slow_mul(P - 1, keys[k]) + P - 1) % P);
    }

    /* More than fits in memory: 12345 to the power of 2^38 */
    g_assert_cmphex(zoned_datasum_join(12345, 1, 0, 1ULL << 40), ==,
                    0xbbc368fba520fbeULL);
}

/*
 * Contents that a crash leaves instead of the data
 */

/* A block that ends in its CRC-32, as metadata of file systems does */
static void fill_block(uint8_t *block, uint8_t seed)
{
    int i;

    for (i = 0; i < 4092; i++) {
        block[i] = seed + i * 7 + i / 251;
    }
    stl_le_p(block + 4092, crc32(crc32(0, NULL, 0), block, 4092));
}

/* All such blocks have the same CRC-32, which does not tell them apart */
static void test_blocks_with_crc(void)
{
    enum { BLOCKS = 20 };
    static uint8_t blocks[BLOCKS][4096];
    int i, j, k;

    /* The last one stays zero */
    for (i = 0; i < BLOCKS - 1; i++) {
        fill_block(blocks[i], i);
        g_assert_cmphex(crc32(crc32(0, NULL, 0), blocks[i], 4096), ==,
                        crc32(crc32(0, NULL, 0), blocks[0], 4096));
    }
    for (k = 0; k < 10; k++) {
        uint64_t key;

        g_assert(zoned_datasum_random_key(&key, &error_abort));
        for (i = 0; i < BLOCKS; i++) {
            uint64_t sum = zoned_datasum(key, 0, blocks[i], 4096);

            for (j = 0; j < BLOCKS; j++) {
                g_assert(zoned_datasum_matches(key, sum, blocks[j], 4096) ==
                         (i == j));
            }
        }
    }
}

/* One sector of sixteen is old, zero, or in the place of another one */
static void test_torn(void)
{
    uint8_t good[8192], buf[8192];
    uint64_t sum;
    int i, j;

    memcpy(good, data, sizeof(good));
    sum = zoned_datasum(KEY, 0, good, sizeof(good));
    for (i = 0; i < sizeof(good); i += 512) {
        memcpy(buf, good, sizeof(buf));
        memset(buf + i, 0, 512);
        g_assert(!zoned_datasum_matches(KEY, sum, buf, sizeof(buf)));
        memcpy(buf + i, data + 32 * KiB + i, 512);
        g_assert(!zoned_datasum_matches(KEY, sum, buf, sizeof(buf)));
        for (j = 0; j < i; j += 512) {
            memcpy(buf, good, sizeof(buf));
            memcpy(buf + i, good + j, 512);
            memcpy(buf + j, good + i, 512);
            g_assert(!zoned_datasum_matches(KEY, sum, buf, sizeof(buf)));
        }
    }
    for (i = 0; i < sizeof(good) * 8; i++) {
        memcpy(buf, good, sizeof(buf));
        buf[i / 8] ^= 1u << (i % 8);
        g_assert(!zoned_datasum_matches(KEY, sum, buf, sizeof(buf)));
    }
}

static void test_random_key(void)
{
    uint64_t key, all = 0, none = UINT64_MAX;
    int i;

    for (i = 0; i < 1000; i++) {
        key = UINT64_MAX;
        g_assert(zoned_datasum_random_key(&key, &error_abort));
        g_assert_cmphex(key, >=, 1);
        g_assert_cmphex(key, <=, P - 1);
        all |= key;
        none &= key;
    }
    /* Each bit was both */
    g_assert_cmphex(all, ==, P);
    g_assert_cmphex(none, ==, 0);
}

/*
 * Zones
 */

static void init(ZonedDatasums *d)
{
    zoned_datasums_init(d);
    d->key = KEY;
}

static uint64_t sum_of(uint64_t start, uint64_t end)
{
    return slow_datasum(KEY, 0, data + start, end - start);
}

/* The data of @zone between @start and @end was written, and copied */
static void count(ZonedDatasums *d, uint32_t zone, uint64_t start, uint64_t end)
{
    uint64_t sum = sum_of(start, end);

    zoned_datasums_count(d, zone, start, end, &sum);
}

static void assert_known(ZonedDatasums *d, uint32_t zone, uint64_t start,
                         uint64_t end)
{
    uint64_t sum = 0;

    g_assert(zoned_datasums_find(d, zone, start, end, &sum));
    g_assert_cmphex(sum, ==, sum_of(start, end));
}

static void assert_unknown(ZonedDatasums *d, uint32_t zone, uint64_t start,
                           uint64_t end)
{
    uint64_t sum;

    g_assert(!zoned_datasums_find(d, zone, start, end, &sum));
}

static void test_sums(void)
{
    ZonedDatasums d;

    init(&d);
    assert_unknown(&d, 1, 0, 4096);
    count(&d, 1, 0, 4096);
    count(&d, 2, 512, 1024);
    count(&d, UINT32_MAX, 512, 2048);
    count(&d, 0, 4096, 8192);
    count(&d, 1, 4096, 4608);
    count(&d, 1, 4608, 32 * KiB);
    assert_known(&d, 1, 0, 32 * KiB);
    assert_known(&d, 2, 512, 1024);
    assert_known(&d, UINT32_MAX, 512, 2048);
    assert_known(&d, 0, 4096, 8192);

    /* Only the whole of it, as more or less would not be what is told of */
    assert_unknown(&d, 1, 0, 4608);
    assert_unknown(&d, 1, 4096, 32 * KiB);
    assert_unknown(&d, 2, 0, 1024);
    assert_unknown(&d, 3, 0, 0);
    zoned_datasums_destroy(&d);
}

static void test_restart(void)
{
    ZonedDatasums d;

    init(&d);
    count(&d, 1, 0, 4096);
    zoned_datasums_restart(&d);
    assert_unknown(&d, 1, 0, 4096);
    count(&d, 1, 4096, 8192);
    assert_known(&d, 1, 4096, 8192);
    assert_unknown(&d, 1, 0, 8192);
    zoned_datasums_destroy(&d);
}

/* A piece without a datasum ends the run, and is not skipped */
static void test_unknown(void)
{
    ZonedDatasums d;

    init(&d);
    count(&d, 1, 0, 4096);
    count(&d, 2, 0, 4096);
    zoned_datasums_count(&d, 1, 4096, 8192, NULL);
    assert_unknown(&d, 1, 0, 4096);
    assert_unknown(&d, 1, 0, 8192);
    count(&d, 1, 8192, 12288);
    assert_unknown(&d, 1, 0, 12288);
    assert_known(&d, 1, 8192, 12288);
    assert_known(&d, 2, 0, 4096);
    zoned_datasums_destroy(&d);
}

/* A zone was reset, or its last writes were taken back: other data comes */
static void test_back(void)
{
    ZonedDatasums d;

    init(&d);
    count(&d, 1, 4096, 8192);
    count(&d, 1, 8192, 16384);
    data[8192] ^= 1;
    count(&d, 1, 8192, 12288);
    assert_known(&d, 1, 8192, 12288);
    assert_unknown(&d, 1, 4096, 12288);
    count(&d, 1, 12288, 16384);
    assert_unknown(&d, 1, 4096, 16384);
    assert_known(&d, 1, 8192, 16384);
    data[8192] ^= 1;
    zoned_datasums_destroy(&d);
}

/*
 * Writes
 */

/* Each write is to the start of another slot, and can be held there */
#define SLOT     4096
#define NR_SLOTS 256

/*
 * @content: of the file
 * @hold: writes are in flight until file_end()
 * @ret: how they end
 * @held: by slot, a write that is in flight
 */
typedef struct TestFile {
    uint8_t *content;
    bool hold;
    int ret;
    Coroutine *held[NR_SLOTS];
} TestFile;

static void file_end(TestFile *f, int slot)
{
    g_assert(f->held[slot]);
    aio_co_wake(g_steal_pointer(&f->held[slot]));
}

static int coroutine_fn file_co_pwritev(BlockDriverState *bs, int64_t offset,
                                        int64_t bytes, QEMUIOVector *qiov,
                                        BdrvRequestFlags flags)
{
    TestFile *f = *(TestFile **)bs->opaque;

    if (f->hold) {
        g_assert(!f->held[offset / SLOT]);
        f->held[offset / SLOT] = qemu_coroutine_self();
        qemu_coroutine_yield();
    }
    if (f->ret == 0) {
        qemu_iovec_to_buf(qiov, 0, f->content + offset, bytes);
    }
    return f->ret;
}

static void all_perms(BlockDriverState *bs, BdrvChild *c, BdrvChildRole role,
                      BlockReopenQueue *reopen_queue, uint64_t perm,
                      uint64_t shared, uint64_t *nperm, uint64_t *nshared)
{
    *nperm = BLK_PERM_ALL;
    *nshared = BLK_PERM_ALL;
}

static BlockDriver bdrv_test_file = {
    .format_name     = "test-file",
    .instance_size   = sizeof(TestFile *),
    .bdrv_co_pwritev = file_co_pwritev,
};

static BlockDriver bdrv_test_image = {
    .format_name     = "test-image",
    .bdrv_child_perm = all_perms,
};

/* An image that has nothing but a file, and the datasums of what is written */
typedef struct Image {
    TestFile file;
    BlockDriverState *bs;
    BdrvChild *child;
    ZonedDatasums d;
} Image;

static Image *image_new(void)
{
    Image *i = g_new0(Image, 1);
    BlockDriverState *file = bdrv_new_open_driver(&bdrv_test_file, "file",
                                                  BDRV_O_RDWR, &error_abort);

    i->file.content = g_malloc0(NR_SLOTS * SLOT);
    *(TestFile **)file->opaque = &i->file;
    file->total_sectors = NR_SLOTS * SLOT / BDRV_SECTOR_SIZE;
    i->bs = bdrv_new_open_driver(&bdrv_test_image, "image", BDRV_O_RDWR,
                                 &error_abort);
    i->child = bdrv_attach_child(i->bs, file, "file", &child_of_bds,
                                 BDRV_CHILD_DATA, &error_abort);
    init(&i->d);
    return i;
}

static void image_free(Image *i)
{
    int slot;

    for (slot = 0; slot < NR_SLOTS; slot++) {
        g_assert(!i->file.held[slot]);
    }
    zoned_datasums_destroy(&i->d);
    bdrv_unref(i->bs);
    g_free(i->file.content);
    g_free(i);
}

/*
 * @bytes: how much is written
 * @skip: and how much of @buf comes before that
 * @known, @sum: as zoned_datasums_write() sets them
 * @ret: what it returns; -EINPROGRESS before
 * @expected: what was in @buf when it was submitted
 */
typedef struct Write {
    Image *image;
    int slot;
    uint64_t bytes;
    uint64_t skip;
    uint8_t *buf;
    uint8_t *expected;
    uint64_t sum;
    bool known;
    int ret;
} Write;

static void coroutine_fn write_co(void *opaque)
{
    Write *w = opaque;
    QEMUIOVector qiov;
    uint64_t half = QEMU_ALIGN_DOWN((w->skip + w->bytes) / 2, 4);

    qemu_iovec_init(&qiov, 2);
    qemu_iovec_add(&qiov, w->buf, half);
    qemu_iovec_add(&qiov, w->buf + half, w->skip + w->bytes - half);
    w->ret = zoned_datasums_write(&w->image->d, w->image->child,
                                  w->slot * SLOT, w->bytes, &qiov, w->skip, 0,
                                  &w->sum, &w->known);
    qemu_iovec_destroy(&qiov);
}

static Write *write_start(Image *i, int slot, uint64_t bytes, uint64_t skip)
{
    static uint32_t seed;
    Write *w = g_new(Write, 1);
    uint64_t n;

    *w = (Write) {
        .image = i,
        .slot = slot,
        .bytes = bytes,
        .skip = skip,
        .buf = g_malloc(skip + bytes),
        .ret = -EINPROGRESS,
    };
    seed++;
    for (n = 0; n < skip + bytes; n++) {
        w->buf[n] = seed * 31 + n * 7 + n / 251;
    }
    w->expected = g_memdup2(w->buf + skip, bytes);
    qemu_coroutine_enter(qemu_coroutine_create(write_co, w));
    return w;
}

/* It has ended: what is in the file is what there was a sum of */
static void write_done(Write *w, int ret)
{
    uint8_t *content = w->image->file.content + w->slot * SLOT;

    g_assert_cmpint(w->ret, ==, ret);
    if (ret == 0) {
        g_assert_cmpmem(content, w->bytes, w->expected, w->bytes);
    }
    if (w->known) {
        g_assert_cmphex(w->sum, ==,
                        slow_datasum(KEY, 0, w->expected, w->bytes));
    }
    g_free(w->buf);
    g_free(w->expected);
    g_free(w);
}

/* Write it; returns whether its datasum is known */
static bool write_all(Image *i, int slot, uint64_t bytes)
{
    Write *w = write_start(i, slot, bytes, 0);
    bool known = w->known;

    write_done(w, 0);
    return known;
}

/* Part of what the caller has, and not on the bounds of its pieces */
static void test_part(void)
{
    Image *i = image_new();
    Write *w;

    w = write_start(i, 3, 4096, 512);
    g_assert(w->known);
    write_done(w, 0);
    w = write_start(i, 3, LIMIT + 512, 1024);
    g_assert(!w->known);
    write_done(w, 0);
    image_free(i);
}

/* A guest changes its memory meanwhile: the sum is of what gets to the file */
static void test_changed(void)
{
    Image *i = image_new();
    Write *w[2];
    int n;

    i->file.hold = true;
    for (n = 0; n < 2; n++) {
        w[n] = write_start(i, n, 4096, 0);
        g_assert(w[n]->known);
        g_assert_cmpint(w[n]->ret, ==, -EINPROGRESS);
        memset(w[n]->buf, 0, 4096);
    }
    for (n = 0; n < 2; n++) {
        file_end(&i->file, n);
        write_done(w[n], 0);
    }
    image_free(i);
}

static void test_failed(void)
{
    Image *i = image_new();
    Write *w;

    i->file.ret = -EIO;
    w = write_start(i, 0, 4096, 0);
    write_done(w, -EIO);
    w = write_start(i, 0, LIMIT + 512, 0);
    g_assert(!w->known);
    write_done(w, -EIO);

    /* And its room was given back */
    i->file.ret = 0;
    zoned_datasums_restart(&i->d);
    g_assert(write_all(i, 0, LIMIT));
    image_free(i);
}

/* The room is bounded, however much is written and whatever ends when */
static void test_room(void)
{
    const int nr_copies = LIMIT / SLOT;
    Image *i = image_new();
    Write *writes[NR_SLOTS];
    int n;

    i->file.hold = true;
    for (n = 0; n < nr_copies; n++) {
        writes[n] = write_start(i, n, 512, 0);
        g_assert(writes[n]->known);
        memset(writes[n]->buf, 0, 512);
    }
    writes[n] = write_start(i, n, 512, 0);
    g_assert(!writes[n]->known);

    /* The room is not used anew while one of them is on its way */
    zoned_datasums_restart(&i->d);
    n++;
    writes[n] = write_start(i, n, 512, 0);
    g_assert(!writes[n]->known);
    for (; n; n--) {
        file_end(&i->file, n);
        write_done(writes[n], 0);
    }
    i->file.hold = false;
    g_assert(!write_all(i, 1, 512));
    zoned_datasums_restart(&i->d);
    g_assert(!write_all(i, 1, 512));
    file_end(&i->file, 0);
    write_done(writes[0], 0);
    g_assert(!write_all(i, 1, 512));

    zoned_datasums_restart(&i->d);
    g_assert(write_all(i, 0, LIMIT));
    image_free(i);
}

/* Writes that end in another order than they began do not share room either */
static void test_out_of_order(void)
{
    Image *i = image_new();
    Write *writes[8];
    int n;

    i->file.hold = true;
    for (n = 0; n < 4; n++) {
        writes[n] = write_start(i, n, 4096 + 512 * n, 0);
    }
    for (n = 1; n < 4; n++) {
        file_end(&i->file, n);
        write_done(writes[n], 0);
        writes[n] = write_start(i, n + 16, 512, 0);
        g_assert(writes[n]->known);
    }
    for (n = 0; n < 4; n++) {
        file_end(&i->file, n ? n + 16 : 0);
        write_done(writes[n], 0);
    }
    image_free(i);
}

/* Data behind the most that a root sums up is not copied until a commit */
static void test_limit(void)
{
    Image *i = image_new();
    int n;

    g_assert(write_all(i, 0, LIMIT - 4096));
    g_assert(!write_all(i, 0, 8192));
    g_assert(!write_all(i, 0, 4096));
    zoned_datasums_restart(&i->d);
    g_assert(!write_all(i, 0, LIMIT + 512));
    g_assert(!write_all(i, 0, 512));
    zoned_datasums_restart(&i->d);
    g_assert(write_all(i, 0, 512));

    /* One after the other, they use the same room: only the bytes count */
    zoned_datasums_restart(&i->d);
    for (n = 0; n < LIMIT / 512; n++) {
        g_assert(write_all(i, n % NR_SLOTS, 512));
    }
    g_assert(!write_all(i, 0, 512));
    zoned_datasums_restart(&i->d);
    g_assert(write_all(i, 0, LIMIT));
    g_assert(!write_all(i, 0, 512));
    image_free(i);
}

int main(int argc, char **argv)
{
    int i;

    bdrv_init();
    qemu_init_main_loop(&error_abort);
    qcrypto_init(&error_abort);
    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < sizeof(data); i++) {
        data[i] = i * 7 + i / 251;
    }
    g_test_add_func("/zoned-datasum/known", test_known);
    g_test_add_func("/zoned-datasum/lengths", test_lengths);
    g_test_add_func("/zoned-datasum/worst-case", test_worst_case);
    g_test_add_func("/zoned-datasum/random", test_random);
    g_test_add_func("/zoned-datasum/pieces", test_pieces);
    g_test_add_func("/zoned-datasum/blocks-with-crc", test_blocks_with_crc);
    g_test_add_func("/zoned-datasum/torn", test_torn);
    g_test_add_func("/zoned-datasum/random-key", test_random_key);
    g_test_add_func("/zoned-datasum/sums", test_sums);
    g_test_add_func("/zoned-datasum/restart", test_restart);
    g_test_add_func("/zoned-datasum/unknown", test_unknown);
    g_test_add_func("/zoned-datasum/back", test_back);
    g_test_add_func("/zoned-datasum/part", test_part);
    g_test_add_func("/zoned-datasum/changed", test_changed);
    g_test_add_func("/zoned-datasum/failed", test_failed);
    g_test_add_func("/zoned-datasum/room", test_room);
    g_test_add_func("/zoned-datasum/out-of-order", test_out_of_order);
    g_test_add_func("/zoned-datasum/limit", test_limit);
    return g_test_run();
}
