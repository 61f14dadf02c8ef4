package apt

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseDate reads the forms that apt takes (RFC1123StrToTime in
// apt-pkg/contrib/strutl.cc): RFC 1123 and 2822 ("Wed, 02 Oct 2024 04:37:05
// UTC"), RFC 850 ("Wednesday, 02-Oct-24 04:37:05 GMT", always of the 20th
// century) and asctime without a zone, as OBS writes it, which means UTC. Any
// other zone than UTC is refused, as apt has done since 1.3; the time is right
// also with that error. The day of the week is not compared with the date. Of
// the month apt looks at some letters only: here it must be one.
func parseDate(v string) (time.Time, error) {
	t, zone, ok := dateParts(v)
	if !ok {
		return time.Time{}, fmt.Errorf("%.60q is neither an RFC 2822 date nor one of asctime", v)
	}
	switch zone {
	case "GMT", "UTC", "Z":
		return t, nil
	}
	if n, err := strconv.Atoi(zone); err == nil && n == 0 {
		return t, nil
	}
	if z, err := time.Parse("-0700", zone); err == nil {
		_, offset := z.Zone()
		t = t.Add(-time.Duration(offset) * time.Second)
	}
	return t, fmt.Errorf("%.60q is not in UTC, as apt wants", v)
}

// dateParts returns the time that v names as if it were of UTC, and its zone.
func dateParts(v string) (t time.Time, zone string, ok bool) {
	f := strings.Fields(v)
	if len(f) == 0 || len(f[0]) < 3 || !isWeekday(f[0][:3]) {
		return t, "", false
	}
	var day, month, year, clock string
	switch weekday := f[0]; {
	case len(weekday) == 3 && len(f) == 5: // asctime
		month, day, clock, year, zone = f[1], f[2], f[3], f[4], "UTC"
	case len(weekday) == 4 && weekday[3] == ',' && len(f) == 6:
		day, month, year, clock, zone = f[1], f[2], f[3], f[4], f[5]
	case len(weekday) > 4 && strings.HasSuffix(weekday, ",") && len(f) == 4: // RFC 850
		parts := strings.Split(f[1], "-")
		if len(parts) != 3 || len(parts[2]) != 2 {
			return t, "", false
		}
		day, month, year, clock, zone = parts[0], parts[1], "19"+parts[2], f[2], f[3]
	default:
		return t, "", false
	}
	hms := strings.Split(clock, ":")
	m, isMonth := monthOf(month)
	if len(hms) != 3 || !isMonth {
		return t, "", false
	}
	var n [5]int
	for i, x := range [...]struct {
		text     string
		min, max int
	}{{year, 0, 9999}, {day, 1, 31}, {hms[0], 0, 23}, {hms[1], 0, 59}, {hms[2], 0, 60}} {
		v, err := strconv.ParseUint(x.text, 10, 16)
		if err != nil || int(v) < x.min || int(v) > x.max || i > 1 && len(x.text) > 2 {
			return t, "", false
		}
		n[i] = int(v)
	}
	return time.Date(n[0], m, n[1], n[2], n[3], n[4], 0, time.UTC), zone, true
}

func isWeekday(s string) bool {
	for d := range time.Weekday(7) {
		if strings.EqualFold(s, d.String()[:3]) {
			return true
		}
	}
	return false
}

// monthOf reads "Oct" and "October".
func monthOf(s string) (time.Month, bool) {
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(s, m.String()[:3]) || strings.EqualFold(s, m.String()) {
			return m, true
		}
	}
	return 0, false
}
