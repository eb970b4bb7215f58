/*
 * Unit tests for the parents of zoned nodes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "block/zone-graph.h"
#include "zone-disk.h"

/* Something that writes where it likes */
static BlockDriver bdrv_test_format = {
    .format_name            = "test-format",
    .supports_backing       = true,
    .bdrv_child_perm        = bdrv_default_perms,
};

static BdrvChild *attach(BlockDriverState *parent, BlockDriverState *child,
                         Error **errp)
{
    bdrv_ref(child);
    return bdrv_attach_child(parent, child, "file", &child_of_bds,
                             BDRV_CHILD_DATA | BDRV_CHILD_PRIMARY, errp);
}

static BlockDriverState *new_format(void)
{
    return bdrv_new_open_driver(&bdrv_test_format, "fmt0", BDRV_O_RDWR,
                                &error_abort);
}

/* The error names both nodes and the driver */
static void assert_refused(Error **err, const char *child)
{
    const char *msg;

    g_assert_nonnull(*err);
    msg = error_get_pretty(*err);
    g_assert_nonnull(strstr(msg, "'fmt0'"));
    g_assert_nonnull(strstr(msg, "'test-format'"));
    g_assert_nonnull(strstr(msg, child));
    error_free_or_abort(err);
}

static void test_parent_refused(void)
{
    BlockDriverState *disk = new_disk(BLK_Z_HM, "disk");
    BlockDriverState *format = new_format();
    BlockDriverState *raw;
    Error *err = NULL;

    g_assert_null(attach(format, disk, &err));
    assert_refused(&err, "'disk'");
    g_assert_cmpint(bdrv_set_backing_hd(format, disk, &err), <, 0);
    assert_refused(&err, "'disk'");
    g_assert_true(QLIST_EMPTY(&format->children));

    /* Through raw, too */
    raw = open_raw(ZONE, -1, &error_abort);
    g_assert_null(attach(format, raw, &err));
    assert_refused(&err, "'raw'");
    bdrv_unref(raw);
    bdrv_unref(disk);

    /* A host-aware disk is fine */
    disk = new_disk(BLK_Z_HA, "disk");
    g_assert_nonnull(attach(format, disk, &error_abort));
    bdrv_unref(format);
    bdrv_unref(disk);
}

/* A host-managed disk cannot slip in under a parent that has another now */
static void test_replace_refused(void)
{
    BlockDriverState *plain = new_disk(BLK_Z_NONE, "disk");
    BlockDriverState *zoned = new_disk(BLK_Z_HM, "zoned");
    BlockDriverState *format = new_format();
    BlockDriverState *raw = open_raw(0, -1, &error_abort);
    Error *err = NULL;

    attach(format, raw, &error_abort);
    g_assert_cmpint(bdrv_replace_node(plain, zoned, &err), <, 0);
    assert_refused(&err, "'zoned'");
    g_assert_true(raw->file->bs == plain);

    bdrv_unref(format);
    g_assert_cmpint(bdrv_replace_node(plain, zoned, &error_abort), ==, 0);
    g_assert_true(raw->file->bs == zoned);

    /* The check looks at the nodes below, and not at limits of before */
    g_assert_cmpint(raw->bl.zoned, ==, BLK_Z_NONE);
    format = new_format();
    g_assert_null(attach(format, raw, &err));
    assert_refused(&err, "'raw'");

    bdrv_unref(format);
    bdrv_unref(raw);
    bdrv_unref(plain);
    bdrv_unref(zoned);
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    module_call_init(MODULE_INIT_QOM);

    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/zone-graph/parents/refused", test_parent_refused);
    g_test_add_func("/zone-graph/parents/replace", test_replace_refused);

    return g_test_run();
}
