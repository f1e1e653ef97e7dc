/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that outlive a reboot. */
#ifndef IKEMESH_CONFIG_STATE_FILE_H
#define IKEMESH_CONFIG_STATE_FILE_H

/*
 * Writes STATE_DIR/NAME, and the directory if it is not there, so that after a loss of power there
 * is the old file or the new one, whole. Of root's it becomes the directory's owner's. 0 or
 * negative errno, and the old one is there still; where the disk did not take the directory, the
 * new one.
 */
int state_file_write(const char *state_dir, const char *name, const char *text);

/* No STATE_DIR/NAME, also after a loss of power. 0, also if there was none, or negative errno. */
int state_file_remove(const char *state_dir, const char *name);

#endif
