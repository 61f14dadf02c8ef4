// Package systemd reads unit files, drop-ins and environment files, as text:
// what they assign, and which files they name.
//
// The syntax is that of systemd.syntax(7) and systemd.exec(5), read as
// src/shared/conf-parser.c and src/basic/env-file.c of systemd read it. Nothing
// is looked up on this machine. The text is hostile: its length is for the
// caller to bound, and what makes no sense is left out, as systemd does.
package systemd
