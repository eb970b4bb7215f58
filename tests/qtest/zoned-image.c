/*
 * Zoned images and machines that have them as disks, for tests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/qmp/qdict.h"
#include "qapi/qmp/qlist.h"
#include "zoned-image.h"

const int zone_requests[NR_ZONE_REQUESTS] = {
    T_APPEND, T_REPORT, T_OPEN, T_CLOSE, T_FINISH, T_RESET, T_RESET_ALL,
};

static void run_qemu_img(const char *args)
{
    g_autofree char *img = realpath(getenv("QTEST_QEMU_IMG"), NULL);
    g_autofree char *cmd = g_strdup_printf("%s %s", img, args);
    g_autofree char *out = NULL, *err = NULL;
    int rc;

    g_assert_true(g_spawn_command_line_sync(cmd, &out, &err, &rc, NULL));
    if (rc) {
        g_test_message("%s: %s%s", cmd, out, err);
    }
    g_assert_cmpint(rc, ==, 0);
}

char *image_new(const char *size, const char *options)
{
    char *path = g_strdup_printf("%s/qtest-zoned.XXXXXX", g_get_tmp_dir());
    g_autofree char *args = NULL;
    int fd = g_mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    args = g_strdup_printf("create -q -f zoned -o %s %s %s", options, path,
                           size);
    run_qemu_img(args);
    return path;
}

char *image_contents(const char *path, size_t *len)
{
    char *contents;

    g_assert_true(g_file_get_contents(path, &contents, len, NULL));
    return contents;
}

Disk *disk_probe(char *image, const char *nodes,
                 const char *device_options)
{
    Disk *d = g_new0(Disk, 1);

    d->image = image;
    d->qts = qtest_initf("-machine pc -object iothread,id=io0 "
                         "-blockdev driver=file,node-name=file,filename=%s %s "
                         "-device virtio-blk-pci,id=vd,drive=disk,addr=%d%s",
                         image, nodes, PCI_SLOT, device_options);
    disk_find(d);
    return d;
}

Disk *disk_new_with(const char *device_options)
{
    Disk *d = disk_probe(image_new(IMAGE_SIZE, IMAGE_OPTIONS), ZONED_NODE,
                         device_options);

    disk_start(d, F_VERSION_1 | F_ZONED);
    return d;
}

Disk *disk_new(void)
{
    return disk_new_with("");
}

QDict *disk_stats(Disk *d, QDict **stats)
{
    QDict *reply = qtest_qmp(d->qts, "{ 'execute': 'query-blockstats' }");
    const QListEntry *entry;

    *stats = NULL;
    QLIST_FOREACH_ENTRY(qdict_get_qlist(reply, "return"), entry) {
        QDict *dev = qobject_to(QDict, qlist_entry_obj(entry));

        if (!g_strcmp0(qdict_get_try_str(dev, "qdev"), QDEV_PATH)) {
            *stats = qdict_get_qdict(dev, "stats");
        }
    }
    g_assert_nonnull(*stats);
    return reply;
}

int64_t disk_stat(Disk *d, const char *name)
{
    QDict *stats;
    QDict *reply = disk_stats(d, &stats);
    int64_t n = qdict_get_int(stats, name);

    qobject_unref(reply);
    return n;
}
