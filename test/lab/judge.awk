# SPDX-License-Identifier: Apache-2.0
# Is there one CHILD_SA for each pair? Reads the pairs, then what kernels and daemons say:
#
#	pair CLASS NAME ADDRESS NAME ADDRESS
#	kernel NAME, and what `ip xfrm state list` says there
#	daemon NAME, and what `ikectl statusall --json` says there
#
# A pair is right if in each direction there is one SA that sends on the one host and one that receives on
# the other, of the same SPI, and if each daemon that was asked knows one IKE SA and one CHILD_SA. Writes a
# line for each pair that is not, then for each class: total CLASS RIGHT NONE DOUBLE.
$1 == "pair" {
	class[++n] = $2
	a[n] = $3; at[n] = $4; b[n] = $5; bt[n] = $6
	totals[$2]
	next
}
$1 == "kernel" || $1 == "daemon" { host = $2; if ($1 == "daemon") asked[host] = 1; next }

/^src / { from = $2; to = $4; next }
/^\tproto esp spi / { spi = $4; next }
/^\t(aead|enc) / { # keys: it is more than a larval one
	held[host, from, to]++
	spis[host, from, to] = spis[host, from, to] " " spi
	next
}

# ikectl indents by two: pairs at 4, IKE SAs at 8, CHILD_SAs at 12.
/^      "local": / { own = word($2); next }
/^      "remote": / { peer = word($2); next }
/^          "state": "ESTABLISHED"/ { ikes[host, own, peer]++; next }
/^              "state": "INSTALLED"/ { children[host, own, peer]++; next }

function word(s) { gsub(/[",]/, "", s); return s }
function one_way(x, xt, y, yt) { # the SAs from x to y
	if (!held[x, xt, yt] || !held[y, xt, yt]) return "none"
	if (held[x, xt, yt] > 1 || held[y, xt, yt] > 1) return "double"
	return spis[x, xt, yt] == spis[y, xt, yt] ? "" : "none"
}
function told(x, xt, yt) { # what the daemon of x says
	if (!(x in asked)) return ""
	if (!children[x, xt, yt] || !ikes[x, xt, yt]) return "none"
	return children[x, xt, yt] > 1 || ikes[x, xt, yt] > 1 ? "double" : ""
}
function numbers(x, xt, yt) {
	return x in asked ? sprintf("; %s says %d IKE SAs, %d CHILD_SAs", x, ikes[x, xt, yt], children[x, xt, yt]) : ""
}
END {
	for (i = 1; i <= n; i++) {
		all = one_way(a[i], at[i], b[i], bt[i]) " " one_way(b[i], bt[i], a[i], at[i]) " " \
			told(a[i], at[i], bt[i]) " " told(b[i], bt[i], at[i])
		how = all ~ /none/ ? "none" : all ~ /double/ ? "double" : "right"
		count[class[i], how]++
		if (how == "right") continue
		printf "%s %s %s, %s: sent on%s, received on%s; back: sent on%s, received on%s%s%s\n",
			how, class[i], a[i] " " at[i], b[i] " " bt[i], spis[a[i], at[i], bt[i]], spis[b[i], at[i], bt[i]],
			spis[b[i], bt[i], at[i]], spis[a[i], bt[i], at[i]],
			numbers(a[i], at[i], bt[i]), numbers(b[i], bt[i], at[i])
	}
	for (c in totals) print "total", c, count[c, "right"] + 0, count[c, "none"] + 0, count[c, "double"] + 0
}
