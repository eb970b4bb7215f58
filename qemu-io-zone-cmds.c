/*
 * qemu-io commands for zoned disks
 *
 * Other tools read their output: sectors of 512 bytes in hexadecimal, one line
 * for each zone or append, worded as in QEMU's qemu-io since version 8.1.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block.h"
#include "block/zone.h"
#include "qemu-io.h"
#include "qemu/cutils.h"
#include "qemu/memalign.h"
#include "sysemu/block-backend.h"

/* How many descriptors a report asks for at once */
#define ZONE_REPORT_BATCH 4096

static uint64_t to_sectors(uint64_t bytes)
{
    return bytes >> BDRV_SECTOR_BITS;
}

/* As blk_strerror(), for the commands below, which other disks do not have */
static const char *zone_command_strerror(BlockBackend *blk, int ret)
{
    if (ret == -ENOTSUP && blk_get_zoned(blk) == BLK_Z_NONE) {
        return "this disk has no zones";
    }
    return blk_strerror(blk, ret);
}

/* Parses an offset, length or count; if it cannot, says so and returns false */
static bool parse_number(const char *arg, int64_t *value)
{
    uint64_t number;
    int ret = qemu_strtosz(arg, NULL, &number);

    if (ret == -ERANGE || (ret == 0 && number > INT64_MAX)) {
        printf("Parsing error: argument too large -- %s\n", arg);
        return false;
    }
    if (ret < 0) {
        printf("Parsing error: non-numeric argument,"
               " or extraneous/unrecognized suffix -- %s\n", arg);
        return false;
    }
    *value = number;
    return true;
}

/*
 * zrp
 */

static void zone_report_help(void)
{
    printf(
"\n"
" reports zones, from the one that the given offset is in\n"
"\n"
" Example:\n"
" 'zrp 0 4' - reports the first four zones\n"
" 'zrp -o full 1G 10' - reports the first ten full zones from 1 gigabyte on\n"
"\n"
" Prints a line for each zone:\n"
" start: 0x0, len 0x80000, cap 0x80000, wptr 0x0, zcond:1, [type: 2]\n"
" start, length, capacity and write pointer are in 512-byte sectors;\n"
" zcond is 0 not-wp, 1 empty, 2 imp-open, 3 exp-open, 4 closed, 13 read-only,\n"
" 14 full, 15 offline; type is 1 conventional, 2 sequential write required,\n"
" 3 sequential write preferred.\n"
" -o, -- report only the zones in this state (by its name)\n"
"\n");
}

static void print_zone(const BlockZoneDescriptor *zone)
{
    printf("start: 0x%" PRIx64 ", len 0x%" PRIx64 ", cap 0x%" PRIx64
           ", wptr 0x%" PRIx64 ", zcond:%u, [type: %u]\n",
           to_sectors(zone->start), to_sectors(zone->length),
           to_sectors(zone->cap), to_sectors(zone->wp),
           zone->state, zone->type);
}

static void print_zone_states(void)
{
    const char *separator = "";
    int state;

    for (state = BLK_ZS_NOT_WP; state <= BLK_ZS_OFFLINE; state++) {
        if (blk_zone_state_name(state)) {
            printf("%s%s", separator, blk_zone_state_name(state));
            separator = ", ";
        }
    }
    printf("\n");
}

/*
 * Prints up to @count zones from @offset on, or of those the ones in @only if
 * that is given, by as many reports as it takes.
 */
static int print_zones(BlockBackend *blk, int64_t offset, int64_t count,
                       const BlockZoneState *only)
{
    g_autofree BlockZoneDescriptor *zones =
        g_new(BlockZoneDescriptor, ZONE_REPORT_BATCH);
    int64_t length = blk_getlength(blk);

    while (count > 0) {
        uint32_t nr_zones = ZONE_REPORT_BATCH;
        uint32_t i;
        int ret;

        if (!only) {
            nr_zones = MIN(nr_zones, count);
        }
        ret = blk_zone_report(blk, offset, &nr_zones, zones);
        if (ret < 0) {
            return ret;
        }

        for (i = 0; i < nr_zones && count > 0; i++) {
            if (!only || zones[i].state == *only) {
                print_zone(&zones[i]);
                count--;
            }
        }
        if (nr_zones == 0) {
            break;
        }
        offset = zones[nr_zones - 1].start + zones[nr_zones - 1].length;
        if (offset >= length) {
            break;
        }
    }
    return 0;
}

static int zone_report_f(BlockBackend *blk, int argc, char **argv);

static const cmdinfo_t zone_report_cmd = {
    .name       = "zone_report",
    .altname    = "zrp",
    .cfunc      = zone_report_f,
    .argmin     = 2,
    .argmax     = -1,
    .args       = "[-o state] offset nr",
    .oneline    = "reports zones",
    .help       = zone_report_help,
};

static int zone_report_f(BlockBackend *blk, int argc, char **argv)
{
    BlockZoneState state;
    BlockZoneState *only = NULL;
    int64_t offset, count;
    int c, ret;

    while ((c = getopt(argc, argv, "o:")) != -1) {
        switch (c) {
        case 'o':
            if (!blk_zone_state_parse(optarg, &state)) {
                printf("'%s' is not a zone state, these are: ", optarg);
                print_zone_states();
                return -EINVAL;
            }
            only = &state;
            break;
        default:
            qemuio_command_usage(&zone_report_cmd);
            return -EINVAL;
        }
    }
    if (optind != argc - 2) {
        qemuio_command_usage(&zone_report_cmd);
        return -EINVAL;
    }
    if (!parse_number(argv[optind], &offset) ||
        !parse_number(argv[optind + 1], &count)) {
        return -EINVAL;
    }

    ret = print_zones(blk, offset, count, only);
    if (ret < 0) {
        printf("zone report failed: %s\n", zone_command_strerror(blk, ret));
    }
    return ret;
}

/*
 * zo, zc, zf, zrs
 */

static int do_zone_mgmt(BlockBackend *blk, BlockZoneOp op, char **argv)
{
    int64_t offset, len;
    int ret;

    if (!parse_number(argv[1], &offset) || !parse_number(argv[2], &len)) {
        return -EINVAL;
    }

    ret = blk_zone_mgmt(blk, op, offset, len);
    if (ret < 0) {
        printf("zone %s failed: %s\n", blk_zone_op_name(op),
               zone_command_strerror(blk, ret));
    }
    return ret;
}

static int zone_open_f(BlockBackend *blk, int argc, char **argv)
{
    return do_zone_mgmt(blk, BLK_ZO_OPEN, argv);
}

static const cmdinfo_t zone_open_cmd = {
    .name       = "zone_open",
    .altname    = "zo",
    .cfunc      = zone_open_f,
    .perm       = BLK_PERM_WRITE,
    .argmin     = 2,
    .argmax     = 2,
    .args       = "offset len",
    .oneline    = "opens the zones of a range explicitly",
};

static int zone_close_f(BlockBackend *blk, int argc, char **argv)
{
    return do_zone_mgmt(blk, BLK_ZO_CLOSE, argv);
}

static const cmdinfo_t zone_close_cmd = {
    .name       = "zone_close",
    .altname    = "zc",
    .cfunc      = zone_close_f,
    .perm       = BLK_PERM_WRITE,
    .argmin     = 2,
    .argmax     = 2,
    .args       = "offset len",
    .oneline    = "closes the zones of a range",
};

static int zone_finish_f(BlockBackend *blk, int argc, char **argv)
{
    return do_zone_mgmt(blk, BLK_ZO_FINISH, argv);
}

static const cmdinfo_t zone_finish_cmd = {
    .name       = "zone_finish",
    .altname    = "zf",
    .cfunc      = zone_finish_f,
    .perm       = BLK_PERM_WRITE,
    .argmin     = 2,
    .argmax     = 2,
    .args       = "offset len",
    .oneline    = "makes the zones of a range full",
};

static int zone_reset_f(BlockBackend *blk, int argc, char **argv)
{
    return do_zone_mgmt(blk, BLK_ZO_RESET, argv);
}

static const cmdinfo_t zone_reset_cmd = {
    .name       = "zone_reset",
    .altname    = "zrs",
    .cfunc      = zone_reset_f,
    .perm       = BLK_PERM_WRITE,
    .argmin     = 2,
    .argmax     = 2,
    .args       = "offset len",
    .oneline    = "makes the zones of a range empty",
};

/*
 * zap
 */

static void zone_append_help(void)
{
    printf(
"\n"
" writes at the write pointer of the zone that starts at the given offset\n"
"\n"
" Example:\n"
" 'zap -p 64M 4k 8k' - appends 12 kilobytes from two buffers to the zone at 64M\n"
"\n"
" -p, -- print where the data went, in 512-byte sectors:\n"
"        After zap done, the append sector is 0x20000\n"
" -P, -- fill the buffers with this byte, instead of 0xcd\n"
"\n");
}

static void free_buffers(QEMUIOVector *qiov)
{
    int i;

    for (i = 0; i < qiov->niov; i++) {
        qemu_vfree(qiov->iov[i].iov_base);
    }
    qemu_iovec_destroy(qiov);
}

/* One buffer of @pattern for each length in @argv; free_buffers() after use */
static bool create_buffers(BlockBackend *blk, QEMUIOVector *qiov, char **argv,
                           int nr_buffers, int pattern)
{
    int i;

    qemu_iovec_init(qiov, nr_buffers);
    for (i = 0; i < nr_buffers; i++) {
        int64_t len;
        void *buf;

        if (!parse_number(argv[i], &len)) {
            return false;
        }
        if (len > BDRV_REQUEST_MAX_BYTES - (int64_t)qiov->size) {
            printf("The lengths add up to more than %" PRIu64 " bytes\n",
                   (uint64_t)BDRV_REQUEST_MAX_BYTES);
            return false;
        }
        buf = blk_blockalign(blk, len);
        memset(buf, pattern, len);
        qemu_iovec_add(qiov, buf, len);
    }
    return true;
}

static int zone_append_f(BlockBackend *blk, int argc, char **argv);

static const cmdinfo_t zone_append_cmd = {
    .name       = "zone_append",
    .altname    = "zap",
    .cfunc      = zone_append_f,
    .perm       = BLK_PERM_WRITE,
    .argmin     = 2,
    .argmax     = -1,
    .args       = "[-p] [-P pattern] offset len [len..]",
    .oneline    = "writes at the write pointer of a zone",
    .help       = zone_append_help,
};

static int do_zone_append(BlockBackend *blk, char **argv, int nr_buffers,
                          int pattern, bool print_sector)
{
    QEMUIOVector qiov;
    int64_t offset;
    int ret = -EINVAL;

    if (!parse_number(argv[0], &offset)) {
        return -EINVAL;
    }
    if (!create_buffers(blk, &qiov, argv + 1, nr_buffers, pattern)) {
        goto out;
    }

    ret = blk_zone_append(blk, &offset, &qiov, 0);
    if (ret < 0) {
        printf("zone append failed: %s\n", zone_command_strerror(blk, ret));
    } else if (print_sector) {
        printf("After zap done, the append sector is 0x%" PRIx64 "\n",
               to_sectors(offset));
    }

out:
    free_buffers(&qiov);
    return ret;
}

static int zone_append_f(BlockBackend *blk, int argc, char **argv)
{
    unsigned int pattern = 0xcd;
    bool print_sector = false;
    int c;

    while ((c = getopt(argc, argv, "pP:")) != -1) {
        switch (c) {
        case 'p':
            print_sector = true;
            break;
        case 'P':
            if (qemu_strtoui(optarg, NULL, 0, &pattern) < 0 ||
                pattern > UINT8_MAX) {
                printf("%s is not a valid pattern byte\n", optarg);
                return -EINVAL;
            }
            break;
        default:
            qemuio_command_usage(&zone_append_cmd);
            return -EINVAL;
        }
    }
    if (optind > argc - 2) {
        qemuio_command_usage(&zone_append_cmd);
        return -EINVAL;
    }
    return do_zone_append(blk, argv + optind, argc - optind - 1, pattern,
                          print_sector);
}

static void __attribute((constructor)) init_qemuio_zone_commands(void)
{
    qemuio_add_command(&zone_report_cmd);
    qemuio_add_command(&zone_open_cmd);
    qemuio_add_command(&zone_close_cmd);
    qemuio_add_command(&zone_finish_cmd);
    qemuio_add_command(&zone_reset_cmd);
    qemuio_add_command(&zone_append_cmd);
}
