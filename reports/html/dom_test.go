package html_test

import (
	"slices"
	"strings"
	"testing"

	dom "golang.org/x/net/html"
)

// node is an element of a page.
type node struct {
	*dom.Node
	t testing.TB
}

func parse(t testing.TB, page string) node {
	t.Helper()
	root, err := dom.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return node{root, t}
}

// places returns the findings that are listed.
func places(page node) []node { return page.all("#findings .places > li") }

// all returns the elements that a selector names, in order: compounds of tag,
// #id, .class and [attr=value], joined by blanks or " > ", and lists of these.
func (n node) all(selector string) []node {
	var out []node
	for d := range n.Descendants() {
		if d.Type != dom.ElementNode {
			continue
		}
		for s := range strings.SplitSeq(selector, ",") {
			if matches(d, n.Node, strings.Fields(s)) {
				out = append(out, node{d, n.t})
				break
			}
		}
	}
	return out
}

func (n node) find(selector string) (node, bool) {
	if all := n.all(selector); len(all) > 0 {
		return all[0], true
	}
	return node{&dom.Node{}, n.t}, false
}

func (n node) first(selector string) node {
	n.t.Helper()
	found, ok := n.find(selector)
	if !ok {
		n.t.Fatalf("the page has no %s", selector)
	}
	return found
}

// up returns the nearest element of a tag that holds n.
func (n node) up(tag string) (node, bool) {
	for p := range n.Ancestors() {
		if p.Data == tag {
			return node{p, n.t}, true
		}
	}
	return node{}, false
}

func (n node) attr(key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// text returns the text of n with single blanks.
func (n node) text() string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == dom.TextNode {
			b.WriteString(d.Data)
			if d.Parent.Data == "dt" || d.Parent.Data == "dd" {
				b.WriteByte(' ')
			}
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// matches holds an element below root against a selector, from its end.
func matches(d, root *dom.Node, parts []string) bool {
	last := len(parts) - 1
	if d == root || d == nil || d.Type != dom.ElementNode || !compound(d, parts[last]) {
		return false
	}
	switch {
	case last == 0:
		return true
	case parts[last-1] == ">":
		return matches(d.Parent, root, parts[:last-1])
	}
	for p := d.Parent; p != nil && p != root; p = p.Parent {
		if matches(p, root, parts[:last]) {
			return true
		}
	}
	return false
}

func compound(d *dom.Node, s string) bool {
	n := node{Node: d}
	if s, attr, ok := strings.Cut(strings.TrimSuffix(s, "]"), "["); ok {
		key, want, equal := strings.Cut(attr, "=")
		has := slices.ContainsFunc(d.Attr, func(a dom.Attribute) bool { return a.Key == key && (!equal || a.Val == want) })
		return has && (s == "" || compound(d, s))
	}
	if i := strings.IndexAny(s, "#."); i > 0 {
		return compound(d, s[:i]) && compound(d, s[i:])
	}
	switch {
	case s == "*":
		return true
	case strings.HasPrefix(s, "#"):
		return n.attr("id") == s[1:]
	case strings.HasPrefix(s, "."):
		return slices.Contains(strings.Fields(n.attr("class")), s[1:])
	}
	return d.Data == s
}
