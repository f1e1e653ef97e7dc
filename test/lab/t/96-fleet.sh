# SPDX-License-Identifier: Apache-2.0
# The role of dist/ansible, by ansible-playbook over ssh: three hosts, each a container with a systemd, a file
# system and a network of its own, that send to each other all the time; installed and optional, then enforced in
# two batches; a second run, which changes nothing; other certificates; another CA in three steps, cut off in the
# second one, and run again; an upgrade; and away again. No packet is lost, and while all are enforced none is in the
# clear. h2 and h3 have ikemesh-reload.path watch the files all the time; on h1 nobody but the role loads them.
# boots
# cases:
# long: ansible
# timeout: 3600
# takes: 1150
. "$LAB_TOP/test/lab/certs.sh"
deb=$(ls "$LAB_TOP"/build/deb/ikemesh_*.deb 2>/dev/null | tail -n 1)
[ -n "$deb" ] || fail "there is no package: ./run deb"
TREE=$LAB_TOP/build/lab-tree/fleet
"$LAB_TOP/test/lab/tree" "$TREE" ansible-core,python3-cffi-backend,python3-apt,openssh-server,openssh-client,systemd-container ||
	fail "there is no file tree to boot from"
HOSTS="h1 h2 h3"
ca ca
ca next
for h in $HOSTS; do
	cert "$h-1" ca
	cert "$h-2" ca
	cert "$h-3" next
done
machine m
at=$SCRATCH/m
files=$at/files
mkdir -p "$files/root/ansible/files" "$files/usr/local/sbin" "$at/log"
cp -a "$LAB_TOP/dist/ansible/." "$files/root/ansible/"
cp "$CERTS"/h*-[123].pem "$CERTS"/h*-[123].key "$CERTS/ca.pem" "$CERTS/next.pem" "$files/root/ansible/files/"
for h in $HOSTS; do
	for n in 1 2 3; do echo "$h $n $(openssl x509 -in "$CERTS/$h-$n.pem" -noout -fingerprint -sha256 | sed 's/.*=//')"; done
done >"$at/fingerprints"
cp "$deb" "$files/root/ansible/files/ikemesh.deb"
cp "$LAB_TOP/build/test/fan" "$files/usr/local/sbin/fan"
dpkg-deb -R "$deb" "$SCRATCH/higher"
sed -i 's/^Version: .*/&+1/' "$SCRATCH/higher/DEBIAN/control"
dpkg-deb --root-owner-group -Znone -b "$SCRATCH/higher" "$files/root/ansible/files/higher.deb" >/dev/null
cat >"$files/root/ansible/hosts.yml" <<'YML'
ikemesh:
  hosts:
    h1: { ansible_host: 10.2.0.1 }
    h2: { ansible_host: 10.2.0.2 }
    h3: { ansible_host: 10.2.0.3 }
  vars:
    ansible_user: root
    ansible_ssh_common_args: -o StrictHostKeyChecking=no -o ControlPersist=600
    ansible_python_interpreter: /usr/bin/python3
    ikemesh_package: /root/ansible/files/ikemesh.deb
    ikemesh_config: { ipsec_subnets: [10.2.0.0/16], no_ipsec_subnets: [10.2.0.10/32] }
    ikemesh_instance_certificate: "/root/ansible/files/{{ inventory_hostname }}-{{ round | default(1) }}.pem"
    ikemesh_instance_private_key: "/root/ansible/files/{{ inventory_hostname }}-{{ round | default(1) }}.key"
    ikemesh_ca_certificates: [/root/ansible/files/ca.pem]
    ikemesh_wait_peers: "2"
    ikemesh_watch_files: "{{ inventory_hostname != 'h1' }}"
YML
unit m lab-main.service <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=-/bin/bash /usr/local/sbin/lab-main
ExecStart=/bin/bash -c 'journalctl -b -o short-monotonic >/lab/journal; sync; echo o >/proc/sysrq-trigger; sleep 9'
UNIT
cat >"$files/usr/local/sbin/lab-main" <<'SH'
export LC_ALL=C.UTF-8 HOME=/root ANSIBLE_NOCOLOR=1 ANSIBLE_CONFIG=/root/ansible/ansible.cfg
trouble() { echo "$*" >>/lab/trouble; }
now() { date +%s.%N; }
# Where the guest stood still, what it has to catch up with comes at once.
echo 100000 >/proc/sys/net/core/netdev_max_backlog
modprobe -a bridge veth esp4 esp6 xfrm_user xfrm_algo gcm 2>/dev/null
ip link add lan type bridge
ip link set lan up
ip addr add 10.2.0.10/16 dev lan
tcpdump -i lan -n -Z root -U --immediate-mode -s 80 -w /lab/wire.pcap 'host 10.2.0.1 or host 10.2.0.2' 2>/lab/tcpdump.log &

# --- three hosts
mkdir -p /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
for i in 1 2 3; do
	at=/run/h$i
	mkdir -p $at/up/root/.ssh $at/up/etc/systemd/system $at/work $at/root
	chmod 700 $at/up/root/.ssh
	cp /root/.ssh/id_ed25519.pub $at/up/root/.ssh/authorized_keys
	mount -t overlay overlay $at/root -o lowerdir=/old,upperdir=$at/up,workdir=$at/work || trouble "no file system for h$i"
	echo h$i >$at/root/etc/hostname
	ln -sf /dev/null $at/root/etc/systemd/system/lab-main.service
	ln -sf /dev/null $at/root/etc/systemd/system/systemd-networkd.service
	systemd-nspawn --quiet --boot --keep-unit --register=no --machine=h$i --directory=$at/root --network-bridge=lan \
		--resolv-conf=off --timezone=off --console=pipe </dev/null >/lab/log/h$i 2>&1 &
	echo $! >$at/pid
done
inside() { nsenter -t "$(cat /run/$1/leader)" -n "${@:2}"; }
for i in 1 2 3; do
	for n in {1..300}; do
		pgrep -P "$(cat /run/h$i/pid)" >/run/h$i/leader && inside h$i ip link show host0 >/dev/null 2>&1 && break
		sleep 0.2
	done
	inside h$i ip addr add 10.2.0.$i/16 dev host0 && inside h$i ip link set host0 up || trouble "h$i has no network"
done
for i in 1 2 3; do
	for n in {1..300}; do
		ssh -o StrictHostKeyChecking=no -o ConnectTimeout=5 root@10.2.0.$i systemctl is-system-running --wait >/lab/log/up-h$i 2>&1
		grep -Eq 'running|degraded' /lab/log/up-h$i && break
		sleep 0.5
	done
	grep -Eq 'running|degraded' /lab/log/up-h$i || trouble "h$i does not come up: $(tail -n 3 /lab/log/up-h$i)"
done
now >/lab/t-up

# --- traffic among all of them, all the time: not pings, whose answers a kernel that has to catch up throws away
mkdir -p /run/netns
for i in 1 2 3; do
	: >/run/netns/h$i
	mount --bind "/proc/$(cat /run/h$i/leader)/ns/net" /run/netns/h$i || trouble "h$i has no name for its network"
	for j in 1 2 3; do [ $i = $j ] || echo "h$i 10.2.0.$j"; done
done >/lab/streams
/usr/local/sbin/fan -k -c 65535 -i 100 -w 3000 -u 9000 </lab/streams >/lab/log/fan 2>&1 &
streams=$!

# --- the plays
BATCH=3
cd /root/ansible
play() { # NAME PLAYBOOK [OPTION…]
	local name=$1 book=$2 begun=$(now) status
	shift 2
	ansible-playbook -i hosts.yml -e "ikemesh_batch=$BATCH" playbooks/$book.yml "$@" >/lab/log/play-$name 2>&1
	status=$?
	echo "$name $status $begun $(now) $(sed -n 's/^h[123] .*changed=\([0-9]*\).*/\1/p' /lab/log/play-$name | tr '\n' ' ')" >>/lab/plays
	[ $status = 0 ] || { trouble "$name failed: $(grep -E 'fatal|ERROR|msg' /lab/log/play-$name | head -n 5)"; return 1; }
}
# Cut off as soon as this is begun.
cut_off() { # NAME PLAYBOOK PLAY TASK [OPTION…]
	local name=$1 book=$2 of=$3 task=$4 begun=$(now) plays log=/lab/log/play-$1
	shift 4
	ansible-playbook -i hosts.yml -e "ikemesh_batch=$BATCH" playbooks/$book.yml "$@" >$log 2>&1 &
	plays=$!
	until awk -v p="PLAY [$of" -v t="TASK [ikemesh : $task]" 'index($0, p) { on = 1 } on && index($0, t) { found = 1 } END { exit !found }' $log; do
		kill -0 $plays 2>/dev/null || { trouble "$name came to its end: $(tail -n 5 $log)"; return 1; }
		sleep 0.2
	done
	kill -KILL $plays
	wait $plays
	echo "$name cut $begun $(now)" >>/lab/plays
}
# So many have it in force as they have it in round N.
in_force() { # N
	for i in 1 2 3; do
		is=$(ssh root@10.2.0.$i ikectl --json certs | sed -n 's/.*"fingerprint": "\(.*\)".*/\1/p' | head -n 1)
		grep -qix "h$i $1 $is" /lab/fingerprints && echo h$i
	done | tr '\n' ' '
}
negotiated() { for i in 1 2 3; do ssh root@10.2.0.$i journalctl -u ikemesh -o cat; done | grep -c 'IKE SA .* established'; }
work() {
	play install site || return
	ssh root@10.2.0.1 ikectl statusall >/lab/log/status-optional
	BATCH=2 play enforce site -e ikemesh_enforced=true || return
	now >/lab/t-enforced
	play again site -e ikemesh_enforced=true || return
	play certificate rotate-certificate -e ikemesh_enforced=true -e round=2 || return
	in_force 2 >/lab/in-force-2
	printf 'ikemesh:\n  vars:\n    ikemesh_next_ca_certificates: [/root/ansible/files/next.pem]\n    ikemesh_next_instance_certificate: "/root/ansible/files/{{ inventory_hostname }}-3.pem"\n    ikemesh_next_instance_private_key: "/root/ansible/files/{{ inventory_hostname }}-3.key"\n' >/run/next.yml
	cut_off cut rotate-ca 'Step 2,' 'Wait until it is ready' -i /run/next.yml -e ikemesh_enforced=true -e round=2 || return
	ssh root@10.2.0.1 grep ^instance_certificate: /etc/ikemesh/ikemesh.yml >/lab/cut-file
	in_force 2 >/lab/in-force-cut
	play ca rotate-ca -i /run/next.yml -e ikemesh_enforced=true -e round=2 || return
	in_force 3 >/lab/in-force-3
	ssh root@10.2.0.1 ikectl certs >/lab/log/certs
	ssh root@10.2.0.1 ls -l /etc/ikemesh >/lab/log/files
	sed -i 's|ikemesh.deb|higher.deb|' hosts.yml
	negotiated >/lab/negotiated-before
	play upgrade upgrade || return
	negotiated >/lab/negotiated-after
	ssh root@10.2.0.1 dpkg-query -W ikemesh >/lab/version 2>&1
	ssh root@10.2.0.1 ikectl statusall >/lab/log/status-enforced
	now >/lab/t-end
	play remove remove || return
	play gone remove || return
	: >/lab/done
}
work
kill -TERM $streams
wait $streams
for i in 1 2 3; do
	inside h$i ip xfrm policy list nosock | grep -c priority
	inside h$i ip xfrm state list | grep -c reqid
	find /run/h$i/root -xdev -path '*/root' -prune -o -path '*/var/lib/dpkg' -prune -o -name '*ikemesh*' -print
done >/lab/left
for i in 1 2 3; do journalctl --no-pager -D /run/h$i/root/var/log/journal >/lab/log/journal-h$i 2>&1; done
SH
enable m lab-main.service multi-user.target
MEMORY=1G boot m

one() { tr '\n' ' ' <"$at/$1" | sed 's/ $//'; }
[ ! -e "$at/trouble" ] || fail "$(one trouble)"
[ -e "$at/done" ] || fail "it did not come to its end: $(tail -n 5 "$at/log"/play-* "$at/console")"
while read -r name status begun ended changed; do
	say "$name: $(awk -v a="$begun" -v b="$ended" 'BEGIN { printf "%.0f s", b - a }'), changed $changed"
	case $name in
	cut) continue ;;
	again | gone) [ "${changed//[0 ]/}" = '' ] || fail "$name changed something: $changed: $(grep -B 3 '^changed' "$at/log/play-$name" | head -n 20)" ;;
	*) [ "${changed//[0 ]/}" != '' ] || fail "$name changed nothing" ;;
	esac
	report "$name: changed $changed"
done <"$at/plays"
[ "$(one in-force-2)" = 'h1 h2 h3' ] || fail "the other certificates are in force on: $(one in-force-2)"
# What was written and not loaded is made up by step 1 of the next run, which brings no old certificate back.
case " $(one in-force-cut) " in *" h1 "*) ;; *) fail "the cut came too late: $(one in-force-cut)" ;; esac
step() { awk -v from="PLAY [Step $1," '/^PLAY / { on = index($0, from) } on' "$at/log/play-ca"; }
step 1 | awk '/^TASK/ { load = /Load the configuration/ } load' | grep '^changed: \[h1\]' >/dev/null ||
	fail "h1 was not loaded by the next run: $(step 1 | grep '^changed')"
[ -z "$(step 1 | awk '/^TASK/ { bring = /Bring the instance/ } bring && /^changed/')" ] || fail "an old certificate came back in step 1"
[ "$(one in-force-3)" = 'h1 h2 h3' ] || fail "the third certificates are in force on: $(one in-force-3)"
report "cut off behind the writing of the third certificates, whereupon h1 had the second one in force and the third one in its file ($(one cut-file | sed 's|.*/||')); run again, it loaded that, brought no older one back, and came to its end"
grep -q 'CN=next' "$at/log/certs" && ! grep -q 'CN=ca' "$at/log/certs" || fail "the CA is not the next one: $(tr '\n' ' ' <"$at/log/certs")"
[ "$(grep -c 'instance-' "$at/log/files")" = 2 ] && [ "$(grep -c 'ca-' "$at/log/files")" = 1 ] || fail "files of before are there: $(one log/files)"
grep -q -- '+1' "$at/version" || fail "not upgraded: $(one version)"
[ "$(one negotiated-before)" = "$(one negotiated-after)" ] || fail "an upgrade negotiated afresh: $(one negotiated-before), $(one negotiated-after)"
for i in 2 3; do
	loads=$(grep -c 'was loaded anew' "$at/log/journal-h$i") || true
	[ "$loads" -gt 0 ] || fail "h$i watched no file"
	# 219: in a container on this kernel systemd does not always find a cgroup that it has just made; the path unit comes again.
	! grep -E 'ikemesh-reload.service: Main process exited|not loaded|has [0-9]+ error' "$at/log/journal-h$i" | grep -v status=219/CGROUP ||
		fail "h$i was to load half of what was written"
done
grep -q 'Finished ikemesh-reload' "$at/log/journal-h2" || fail "ikemesh-reload.path has seen nothing on h2"
report "beside all plays ikemesh-reload.path loaded what it saw $(grep -c 'Finished ikemesh-reload' "$at/log/journal-h2") times on h2, $(grep -c 'Finished ikemesh-reload' "$at/log/journal-h3") times on h3, never half of it"
read -r streams sent lost < <(awk 'NF >= 6 { n++; s += $3; l += $3 - $4 } END { print n + 0, s + 0, l + 0 }' "$at/log/fan")
[ "$streams" = 6 ] && [ "$sent" -gt 1000 ] || fail "the traffic: $(one log/fan)"
clear=$(tcpdump -n -tt -r "$at/wire.pcap" 'udp port 9000' 2>/dev/null |
	awk -v a="$(one t-enforced)" -v b="$(one t-end)" '$1 > a && $1 < b' | wc -l)
esp=$(tcpdump -n -r "$at/wire.pcap" esp 2>/dev/null | wc -l)
report "$lost of $sent packets and answers lost from before the installation until after the removal; while all were enforced $clear in the clear, of $esp as ESP"
[ "$lost" = 0 ] || fail "$lost packets were lost: $(one log/fan)"
[ "$clear" = 0 ] && [ "$esp" -gt 1000 ] || fail "$clear packets in the clear, $esp as ESP"
[ "$(sort -u "$at/left" | tr '\n' ' ')" = '0 ' ] || fail "left by the removal: $(one left)"
report "removed: no file, policy or SA is left"
