# SPDX-License-Identifier: Apache-2.0
# Nobody answers: the log and statusall say so, and nothing leaves in the clear.
# takes: 40
ca ca
cert instance ca
host a ikemesh 10.1.0.1/16
host b plain 10.1.0.2/16
start a
capture
ping_none a b 3
expect_status a 'CONNECTING[^ ]*,? 10\.1\.0\.1.*\.\.\.10\.1\.0\.2'
expect_status a '10\.1\.0\.2.*(no answer|unreachable)' 70
expect_log a '10\.1\.0\.2.*(no answer [^y]|unreachable)' # (not: no answer yet)
expect_no_sa a
expect_silent a b
expect_alive a
