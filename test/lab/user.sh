# SPDX-License-Identifier: Apache-2.0
# In the cell there is the user that a package would make, so that the engines of the lab are his.
if ! getent passwd ikemesh >/dev/null; then
	sed '$ a ikemesh:x:990:990::/nonexistent:/usr/sbin/nologin' /etc/passwd >"$SCRATCH/passwd"
	sed '$ a ikemesh:x:990:' /etc/group >"$SCRATCH/group"
	mount --bind "$SCRATCH/passwd" /etc/passwd
	mount --bind "$SCRATCH/group" /etc/group
fi
chmod 711 "$SCRATCH"
