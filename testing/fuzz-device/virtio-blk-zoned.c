/*
 * Fuzzing: a hostile driver of a virtio-blk device on a zoned disk
 *
 * It knows the layout of a split virtqueue and the zone requests, and forms
 * requests that are nearly right: wrong directions and lengths, places where
 * sums overflow, buffers that name the same memory, resets at any time, and
 * bytes thrown into the rings.  Whatever it does, a driver that comes after it
 * finds a device that works.
 *
 * There is no guest and no firmware: this is the main thread of QEMU, which
 * writes to the registers and to memory as a processor would.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "block/block.h"
#include "block/zoned-layout.h"
#include "exec/address-spaces.h"
#include "hw/qdev-properties.h"
#include "hw/sysbus.h"
#include "hw/virtio/virtio-blk-zoned.h"
#include "hw/virtio/virtio-bus.h"
#include "standard-headers/linux/virtio_blk.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_mmio.h"
#include "standard-headers/linux/virtio_ring.h"
#include "sysemu/sysemu.h"
#include "fuzzer.h"
#include "image.h"

/* Where things are in the machine */
#define MMIO            0x80000000ull
#define QUEUE_SIZE      64
#define DESC            0x1000
#define AVAIL           0x2000
#define USED            0x3000
#define HEADERS         0x4000      /* 64 bytes for each request */
#define DATA            0x10000
#define DATA_SIZE       0x100000

/* The disk */
#define ZONE_SECTORS    128
#define NR_ZONES        9
#define DISK_SECTORS    ((NR_ZONES - 1) * ZONE_SECTORS + 32)

#define MAX_COMMANDS    64

#define F_ZONED         (1ull << VIRTIO_BLK_F_ZONED)
#define F_VERSION_1     (1ull << VIRTIO_F_VERSION_1)

static Memory *memory;

/*
 * The machine
 */

static void poke(uint64_t addr, const void *data, size_t len)
{
    address_space_write(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED,
                        data, len);
}

static void poke16(uint64_t addr, uint16_t value)
{
    uint8_t data[2];

    stw_le_p(data, value);
    poke(addr, data, sizeof(data));
}

static void peek(uint64_t addr, void *data, size_t len)
{
    address_space_read(&address_space_memory, addr, MEMTXATTRS_UNSPECIFIED,
                       data, len);
}

static uint16_t peek16(uint64_t addr)
{
    uint8_t data[2];

    peek(addr, data, sizeof(data));
    return lduw_le_p(data);
}

static void set_reg(uint32_t reg, uint32_t value)
{
    address_space_stl_le(&address_space_memory, MMIO + reg, value,
                         MEMTXATTRS_UNSPECIFIED, NULL);
}

static uint32_t get_reg(uint32_t reg)
{
    return address_space_ldl_le(&address_space_memory, MMIO + reg,
                                MEMTXATTRS_UNSPECIFIED, NULL);
}

/* Until nothing is in flight any more */
static void poll_all(void)
{
    while (aio_poll(qemu_get_aio_context(), false)) {
        /* again */
    }
}

/*
 * The driver
 */

typedef struct Driver {
    uint16_t next_desc;
    uint16_t next_request;
    uint16_t avail;
} Driver;

static void set_features(uint64_t features)
{
    set_reg(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    set_reg(VIRTIO_MMIO_DRIVER_FEATURES, features);
    set_reg(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    set_reg(VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
}

static void set_queue(void)
{
    set_reg(VIRTIO_MMIO_QUEUE_SEL, 0);
    set_reg(VIRTIO_MMIO_QUEUE_NUM, QUEUE_SIZE);
    set_reg(VIRTIO_MMIO_QUEUE_DESC_LOW, DESC);
    set_reg(VIRTIO_MMIO_QUEUE_DESC_HIGH, 0);
    set_reg(VIRTIO_MMIO_QUEUE_AVAIL_LOW, AVAIL);
    set_reg(VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
    set_reg(VIRTIO_MMIO_QUEUE_USED_LOW, USED);
    set_reg(VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
    set_reg(VIRTIO_MMIO_QUEUE_READY, 1);
}

/* A reset and, up to @status, a new start */
static void driver_start(Driver *d, uint64_t features, uint32_t status)
{
    static const uint8_t zero[DATA];

    set_reg(VIRTIO_MMIO_STATUS, 0);
    poke(0, zero, sizeof(zero));
    *d = (Driver) { 0 };
    if (!status) {
        return;
    }
    set_reg(VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE |
                                VIRTIO_CONFIG_S_DRIVER);
    set_features(features);
    set_reg(VIRTIO_MMIO_STATUS, status & ~VIRTIO_CONFIG_S_DRIVER_OK);
    set_queue();
    set_reg(VIRTIO_MMIO_STATUS, status);
}

#define STATUS_READY (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | \
                      VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)

static void kick(void)
{
    set_reg(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void add_desc(Driver *d, uint64_t addr, uint32_t len, bool write,
                     bool next)
{
    uint8_t desc[16] = { 0 };

    stq_le_p(desc, addr);
    stl_le_p(desc + 8, len);
    stw_le_p(desc + 12, (write ? VRING_DESC_F_WRITE : 0) |
                        (next ? VRING_DESC_F_NEXT : 0));
    stw_le_p(desc + 14, (d->next_desc + 1) % QUEUE_SIZE);
    poke(DESC + 16 * (d->next_desc % QUEUE_SIZE), desc, sizeof(desc));
    d->next_desc = (d->next_desc + 1) % QUEUE_SIZE;
}

static void make_available(Driver *d, uint16_t head)
{
    poke16(AVAIL + 4 + 2 * (d->avail % QUEUE_SIZE), head);
    poke16(AVAIL + 2, ++d->avail);
}

static uint64_t new_header(Driver *d, uint32_t type, uint64_t sector)
{
    uint64_t addr = HEADERS + 64 * (d->next_request++ % QUEUE_SIZE);
    uint8_t header[64] = { 0 };

    stl_le_p(header, type);
    stq_le_p(header + 8, sector);
    header[16] = 0xff;
    poke(addr, header, sizeof(header));
    return addr;
}

/*
 * A sane request; returns its status, or -1 if there is none
 */
static int run_sane(Driver *d, uint32_t type, uint64_t sector,
                    uint32_t out_len, uint32_t in_len)
{
    uint64_t header = new_header(d, type, sector);
    uint16_t head = d->next_desc;
    uint8_t status;

    add_desc(d, header, 16, false, true);
    if (out_len) {
        add_desc(d, DATA, out_len, false, true);
    }
    if (in_len) {
        add_desc(d, DATA, in_len, true, true);
    }
    add_desc(d, header + 16, 1, true, false);
    make_available(d, head);
    kick();
    poll_all();
    peek(header + 16, &status, 1);
    return peek16(USED + 2) == d->avail ? status : -1;
}

/*
 * Hostile commands
 */

static uint32_t take_type(Input *in)
{
    static const uint32_t types[] = {
        VIRTIO_BLK_T_ZONE_APPEND, VIRTIO_BLK_T_ZONE_REPORT,
        VIRTIO_BLK_T_ZONE_OPEN, VIRTIO_BLK_T_ZONE_CLOSE,
        VIRTIO_BLK_T_ZONE_FINISH, VIRTIO_BLK_T_ZONE_RESET,
        VIRTIO_BLK_T_ZONE_RESET_ALL, VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT,
        VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_DISCARD,
        VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_SCSI_CMD,
    };
    uint32_t n = input_take(in, 1);

    return n < 240 ? types[n % ARRAY_SIZE(types)] : input_take(in, 4);
}

static uint64_t take_sector(Input *in)
{
    static const uint64_t odd[] = {
        0, 0, 0, 0, 0, 8, 1, 96, 127, DISK_SECTORS, 1ull << 54, 1ull << 55,
        1ull << 63, -(uint64_t)ZONE_SECTORS, UINT64_MAX,
    };
    uint32_t n = input_take(in, 1);

    if (n >= 0xf8) {
        return input_take(in, 8);
    }
    return (n % 16) * ZONE_SECTORS + odd[input_take(in, 1) % ARRAY_SIZE(odd)];
}

static uint32_t take_length(Input *in)
{
    static const uint32_t lengths[] = {
        4096, 8192, 512, 1, 8, 63, 64, 128, 192, 4095, 65536, 49152,
        DATA_SIZE, 0x80000000, UINT32_MAX, 0,
    };
    uint32_t n = input_take(in, 1);

    return n < 0xf0 ? lengths[n % ARRAY_SIZE(lengths)] : input_take(in, 4);
}

/* Mostly one that could be right */
static void submit(Driver *d, Input *in)
{
    uint32_t type = take_type(in);
    uint64_t header = new_header(d, type, take_sector(in));
    uint16_t head = d->next_desc;
    uint32_t how = input_take(in, 1);
    int nr_data = how % 4;
    bool data_write = (type == VIRTIO_BLK_T_ZONE_REPORT ||
                       type == VIRTIO_BLK_T_IN) ^ !!(how & 0x10);
    bool broken = (how & 0xe0) == 0xe0;

    add_desc(d, header, broken ? input_take(in, 1) : 16, false, true);
    while (nr_data--) {
        add_desc(d, DATA + (how & 0x08 ? input_take(in, 2) : 0),
                 take_length(in), data_write, true);
    }
    if (type == VIRTIO_BLK_T_ZONE_APPEND) {
        add_desc(d, header + 24, broken ? input_take(in, 1) : 8, true, true);
    }
    add_desc(d, header + 16, 1, !broken || input_take(in, 1) % 2, false);
    make_available(d, head);
}

static void do_kick(Driver *d, Input *in)
{
    kick();
}

static void do_poll(Driver *d, Input *in)
{
    uint32_t n = input_take(in, 1) % 8;

    while (n-- && aio_poll(qemu_get_aio_context(), false)) {
        /* again */
    }
}

static void do_restart(Driver *d, Input *in)
{
    uint32_t how = input_take(in, 1);
    uint64_t features = F_VERSION_1 | F_ZONED;
    uint32_t status = STATUS_READY;

    if (how & 0x01) {
        features ^= 1ull << (how >> 3);
    }
    if (how & 0x02) {
        status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
    }
    if (how & 0x04) {
        status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
    }
    driver_start(d, features, status);
}

/* Bytes anywhere in the rings and headers */
static void do_throw(Driver *d, Input *in)
{
    uint64_t addr = DESC + input_take(in, 2) % (DATA - DESC);
    uint64_t value = input_take(in, 8);

    poke(addr, &value, sizeof(value));
}

static void do_register(Driver *d, Input *in)
{
    uint32_t reg = input_take(in, 1) * 4;

    if (reg >= VIRTIO_MMIO_CONFIG && reg % 8) {
        get_reg(reg);
    } else {
        set_reg(reg, input_take(in, 4));
    }
}

static void do_fail(Driver *d, Input *in)
{
    memory->fail_after = input_take(in, 1) % 8;
}

static void do_defer(Driver *d, Input *in)
{
    memory->defer = !memory->defer;
}

static void run_commands(Driver *d, Input *in)
{
    static void (*const commands[])(Driver *d, Input *in) = {
        submit, submit, submit, submit, do_kick, do_kick, do_poll, do_restart,
        do_throw, do_register, do_fail, do_defer,
    };
    int i;

    for (i = 0; i < MAX_COMMANDS && in->size; i++) {
        commands[input_take(in, 1) % ARRAY_SIZE(commands)](d, in);
    }
}

/* After all that, a driver that does everything right */
static void assert_works(Driver *d)
{
    uint32_t zone = 2 * ZONE_SECTORS;
    uint8_t reply[8];

    memory->fail_after = -1;
    driver_start(d, F_VERSION_1 | F_ZONED, STATUS_READY);
    poll_all();
    g_assert_cmpint(get_reg(VIRTIO_MMIO_STATUS), ==, STATUS_READY);
    g_assert_cmpint(run_sane(d, VIRTIO_BLK_T_FLUSH, 0, 0, 0), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmpint(run_sane(d, VIRTIO_BLK_T_ZONE_RESET_ALL, 0, 0, 0), ==,
                    VIRTIO_BLK_S_OK);
    g_assert_cmpint(run_sane(d, VIRTIO_BLK_T_ZONE_APPEND, zone, 4096, 8), ==,
                    VIRTIO_BLK_S_OK);
    peek(DATA, reply, sizeof(reply));
    g_assert_cmpuint(ldq_le_p(reply), ==, zone);
    g_assert_cmpint(run_sane(d, VIRTIO_BLK_T_ZONE_REPORT, 0, 0, 4096), ==,
                    VIRTIO_BLK_S_OK);
    peek(DATA, reply, sizeof(reply));
    g_assert_cmpuint(ldq_le_p(reply), ==, NR_ZONES);
    g_assert_cmpint(run_sane(d, VIRTIO_BLK_T_ZONE_RESET_ALL, 0, 0, 0), ==,
                    VIRTIO_BLK_S_OK);
    memory->defer = false;
}

/*
 * Start
 */

static void make_disk(void)
{
    ZonedHeader h = {
        .geometry = {
            .size = DISK_SECTORS * BDRV_SECTOR_SIZE,
            .zone_size = ZONE_SECTORS * BDRV_SECTOR_SIZE,
            .zone_capacity = 96 * BDRV_SECTOR_SIZE,
            .conventional_zones = 1,
            .max_open_zones = 2,
            .max_active_zones = 3,
            .write_granularity = 4096,
        },
        .max_append_bytes = 32 * KiB,
    };
    BlockDriverState *file, *disk;
    QDict *options = qdict_new();

    zoned_header_init(&h);
    h.datasum_key = IMAGE_KEY;
    memory = memory_new();
    image_put(memory, &h);
    file = memory_open(memory, "memory");
    qdict_put_str(options, "driver", "zoned");
    qdict_put_str(options, "node-name", "disk");
    qdict_put_str(options, "file", "memory");
    disk = bdrv_open(NULL, NULL, options, BDRV_O_RDWR, &error_abort);
    bdrv_unref(file);
    g_assert_nonnull(disk);
}

static void make_device(void)
{
    DeviceState *mmio = qdev_new("virtio-mmio");
    DeviceState *dev = qdev_new("virtio-blk-device");

    qdev_prop_set_bit(mmio, "force-legacy", false);
    sysbus_realize_and_unref(SYS_BUS_DEVICE(mmio), &error_abort);
    sysbus_mmio_map(SYS_BUS_DEVICE(mmio), 0, MMIO);

    object_property_set_str(OBJECT(dev), "drive", "disk", &error_abort);
    object_property_set_str(OBJECT(dev), "werror", "report", &error_abort);
    object_property_set_str(OBJECT(dev), "rerror", "report", &error_abort);
    qdev_realize_and_unref(dev, QLIST_FIRST(&mmio->child_bus), &error_abort);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char *const args[] = {
        "fuzz", "-machine", "none", "-accel", "qtest", "-m", "32",
        "-display", "none", "-nodefaults", "-monitor", "none", NULL
    };

    qemu_init(ARRAY_SIZE(args) - 1, (char **)args);
    make_disk();
    make_device();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned nr_runs;
    Input in = { .data = data, .size = size };
    Driver d;

    if (++nr_runs % 128 == 0) {
        /* Resets leave memory that is freed when no thread can use it */
        drain_call_rcu();
    }
    driver_start(&d, F_VERSION_1 | F_ZONED, STATUS_READY);
    run_commands(&d, &in);
    assert_works(&d);
    return 0;
}
