"""Reads three fields of each stanza of a Packages list with python3-apt, and
prints what that cost, in nanoseconds and bytes, without start and import.

    tagfile.py PACKAGES NUMBER
"""

import json
import resource
import sys
import time

import apt_pkg

apt_pkg.init_config()


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


start, start_cpu = time.perf_counter(), cpu()
kept = []
with apt_pkg.TagFile(sys.argv[1]) as stanzas:
    for stanza in stanzas:
        kept.append((stanza["Package"], stanza["Version"], stanza["Filename"]))
wall, used = time.perf_counter() - start, cpu() - start_cpu
if len(kept) != int(sys.argv[2]):
    sys.exit(f"{len(kept)} packages, wanted {sys.argv[2]}")
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"Wall": int(wall * 1e9), "CPU": int(used * 1e9), "Peak": peak * 1024}))
