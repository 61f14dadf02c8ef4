package crawl

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/pkgverify/repo"
	"sigs.k8s.io/pkgverify/repo/fetch"
	"sigs.k8s.io/pkgverify/repo/metalink"
)

// MaxMirrors bounds the mirrors of a list that are tried. Going past it is no
// fault: the list then has no mirror that answers.
const MaxMirrors = 8

// FindMirror reads the metalink or mirrorlist at an http or https address, and
// returns it with the first of its mirrors that has a repomd.xml, "" when none
// of the first MaxMirrors has; what is wrong is then the list's Problem. Mirrors
// that are not of http or https are not tried (dnf knows ftp besides).
func FindMirror(ctx context.Context, address string, opts fetch.Options, policy fetch.Policy) (repo.MirrorList, string) {
	list := repo.MirrorList{File: repo.File{Path: address, URL: address}}
	data, err := readList(ctx, &list.File, address, opts, policy)
	if err == nil {
		err = parseList(&list, data)
	}
	if err != nil {
		list.Problem = problemOf(err)
		return list, ""
	}
	for i, root := range list.Mirrors {
		if i == MaxMirrors {
			break
		}
		if err = hasRepomd(ctx, root, opts, policy); err == nil {
			return list, root
		}
		list.Passed = append(list.Passed, *problemOf(err))
	}
	list.Problem = noMirror(&list)
	return list, ""
}

// noMirror says why no mirror will do: when one could not be reached, nobody
// can tell whether it has the repository.
func noMirror(list *repo.MirrorList) *repo.Problem {
	if len(list.Mirrors) == 0 {
		return &repo.Problem{Kind: repo.Malformed, Text: "the list names no mirror of http or https"}
	}
	p := repo.Problem{Kind: repo.Absent, Text: fmt.Sprintf("none of the first %d mirrors has %s: %s", len(list.Passed), repomdPath, list.Passed[0].Text)}
	for _, x := range list.Passed {
		if x.Kind == repo.Unreachable {
			p.Kind = repo.Unreachable
		}
	}
	return &p
}

func readList(ctx context.Context, file *repo.File, address string, opts fetch.Options, policy fetch.Policy) ([]byte, error) {
	src, err := fetch.One(address, opts)
	if err != nil {
		return nil, err
	}
	var data []byte
	err = policy.Do(ctx, func() error {
		resp, err := src.Open(ctx, "")
		if e := (*fetch.Error)(nil); errors.As(err, &e) {
			file.URL, file.Hops = e.URL, e.Hops
		}
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }() // read or given up
		file.URL, file.Hops = resp.URL, resp.Hops
		data, err = io.ReadAll(io.LimitReader(resp.Body, metalink.MaxBytes+1))
		return err
	})
	file.Size = int64(len(data))
	return data, err
}

// parseList reads either kind: a metalink is XML.
func parseList(list *repo.MirrorList, data []byte) error {
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n\ufeff"), []byte("<")) {
		parsed, err := metalink.ParseMirrorlist(bytes.NewReader(data))
		if err != nil {
			return err
		}
		list.Faults = parsed.Faults
		for _, u := range parsed.URLs {
			addMirror(list, strings.TrimSuffix(u, "/")+"/")
		}
		return nil
	}
	parsed, err := metalink.Parse(bytes.NewReader(data))
	if err != nil {
		return err
	}
	list.Faults = parsed.Faults
	i := slices.IndexFunc(parsed.Files, func(f metalink.File) bool { return f.Name == "repomd.xml" })
	if i < 0 {
		return &repo.FormatError{Where: "metalink", Text: "lists no repomd.xml"}
	}
	file := parsed.Files[i]
	for _, state := range append([]metalink.File{file}, file.Alternates...) {
		list.Root = append(list.Root, repo.Claim{By: list.Path, Size: state.Size, Digests: state.Digests})
	}
	slices.SortStableFunc(file.Resources, func(a, b metalink.Resource) int { return cmp.Compare(b.Preference, a.Preference) })
	for _, r := range file.Resources {
		if root, ok := strings.CutSuffix(r.URL, repomdPath); ok {
			addMirror(list, root)
		}
	}
	return nil
}

func addMirror(list *repo.MirrorList, root string) {
	if strings.HasPrefix(root, "http://") || strings.HasPrefix(root, "https://") {
		list.Mirrors = append(list.Mirrors, root)
	}
}

func hasRepomd(ctx context.Context, root string, opts fetch.Options, policy fetch.Policy) error {
	src, err := fetch.New(root, opts)
	if err != nil {
		return err
	}
	return policy.Do(ctx, func() error {
		resp, err := src.Open(ctx, repomdPath)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}
