package fault

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"

	"sigs.k8s.io/pkgverify/publish"
)

// rpmTree is the metadata of the rpm repository as it is published, to be
// changed and written. createrepo_c writes one element on each line.
type rpmTree struct {
	publisher  *publish.Publisher
	repository publish.Repository
	dir        string
	// repomd is the text of repomd.xml.
	repomd []byte
	// touched are the files that were written, below dir.
	touched []string
}

// rpmmd returns a fault that changes the metadata of the rpm repository.
func rpmmd(change func(r *rpmTree) error) applyFunc {
	return func(_ context.Context, tree *Tree) ([]string, error) {
		r := &rpmTree{publisher: tree.Publisher}
		r.repository, r.dir = tree.repository(publish.RPM)
		var err error
		if r.repomd, err = r.read("repodata/repomd.xml"); err != nil {
			return nil, err
		}
		if err := change(r); err != nil {
			return nil, err
		}
		return below(r.repository, r.touched...), nil
	}
}

func (r *rpmTree) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	return data, nil
}

func (r *rpmTree) write(name string, data []byte) error {
	r.touched = append(r.touched, name)
	return put(filepath.Join(r.dir, filepath.FromSlash(name)), data)
}

func (r *rpmTree) remove(name string) error {
	r.touched = append(r.touched, name)
	if err := os.Remove(filepath.Join(r.dir, filepath.FromSlash(name))); err != nil {
		return fmt.Errorf("%w: %w", ErrNoTarget, err)
	}
	return nil
}

// sign writes repomd.xml and its signature by the publisher's key.
func (r *rpmTree) sign(repomd []byte) error {
	signature, err := r.publisher.Key.DetachedSignature(repomd, r.publisher.Now(), true)
	if err != nil {
		return err
	}
	if err := r.write("repodata/repomd.xml", repomd); err != nil {
		return err
	}
	return r.write("repodata/repomd.xml.asc", signature)
}

// location is the path of the file of a data element.
var location = regexp.MustCompile(`<location href="([^"]*)"/>`)

// element finds the data element of a type in repomd.xml.
func (r *rpmTree) element(kind string) (text []byte, file string, err error) {
	form := regexp.MustCompile(`(?s)  <data type="` + kind + `">.*?</data>\n`)
	if text = form.Find(r.repomd); text == nil {
		return nil, "", fmt.Errorf("%w: repomd.xml lists no %s", ErrNoTarget, kind)
	}
	match := location.FindSubmatch(text)
	if match == nil {
		return nil, "", fmt.Errorf("%w: %s has no location", ErrNoTarget, kind)
	}
	return text, string(match[1]), nil
}

// open returns the XML of a data element's file.
func (r *rpmTree) open(kind string) ([]byte, error) {
	_, file, err := r.element(kind)
	if err != nil {
		return nil, err
	}
	data, err := r.read(file)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return io.ReadAll(z)
}

// publish puts other XML in the place of a data element's file, lists it
// properly in repomd.xml, and signs that.
func (r *rpmTree) publish(kind string, xml []byte) error {
	element, file, err := r.element(kind)
	if err != nil {
		return err
	}
	compressed, err := gzipped(xml)
	if err != nil {
		return err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(compressed))
	name := path.Dir(file) + "/" + sum + "-" + kind + ".xml.gz"
	changed := element
	for tag, value := range map[string]string{
		"checksum": sum, "open-checksum": fmt.Sprintf("%x", sha256.Sum256(xml)),
		"size": fmt.Sprint(len(compressed)), "open-size": fmt.Sprint(len(xml)),
	} {
		changed = setElement(changed, tag, value)
	}
	changed = location.ReplaceAllLiteral(changed, []byte(`<location href="`+name+`"/>`))
	if name != file {
		if err := r.remove(file); err != nil {
			return err
		}
	}
	if err := r.write(name, compressed); err != nil {
		return err
	}
	return r.sign(bytes.Replace(r.repomd, element, changed, 1))
}

// setElement gives the XML elements of a name another text.
func setElement(xml []byte, name, text string) []byte {
	form := regexp.MustCompile(`(<` + name + `(?: [^>]*)?>)[^<]*(</` + name + `>)`)
	return form.ReplaceAll(xml, []byte("${1}"+text+"${2}"))
}

// sha1Repomd returns repomd.xml with SHA-1 in the place of SHA-256, of the same
// files.
func (r *rpmTree) sha1Repomd() ([]byte, error) {
	repomd := r.repomd
	for _, kind := range []string{"primary", "filelists", "other"} {
		element, file, err := r.element(kind)
		if err != nil {
			return nil, err
		}
		data, err := r.read(file)
		if err != nil {
			return nil, err
		}
		xml, err := r.open(kind)
		if err != nil {
			return nil, err
		}
		changed := bytes.ReplaceAll(element, []byte(`type="sha256"`), []byte(`type="sha"`))
		changed = setElement(changed, "checksum", fmt.Sprintf("%x", sha1.Sum(data)))
		changed = setElement(changed, "open-checksum", fmt.Sprintf("%x", sha1.Sum(xml)))
		repomd = bytes.Replace(repomd, element, changed, 1)
	}
	return repomd, nil
}

// packageElement finds the element of an rpm in primary.xml by its location.
func packageElement(xml []byte, file string) ([]byte, error) {
	for _, element := range bytes.SplitAfter(xml, []byte("</package>\n")) {
		at := bytes.LastIndex(element, []byte("<package "))
		if at >= 0 && bytes.Contains(element, []byte(`<location href="`+filepath.ToSlash(file)+`"/>`)) {
			return element[at:], nil
		}
	}
	return nil, fmt.Errorf("%w: primary lists no %s", ErrNoTarget, file)
}

// changePrimary changes the element of the latest kubelet in primary.xml and
// publishes that, properly listed and signed.
func changePrimary(change func(element []byte) []byte) applyFunc {
	return rpmmd(func(r *rpmTree) error {
		file, _, err := latest(r.dir, publish.RPM, "kubelet")
		if err != nil {
			return err
		}
		xml, err := r.open("primary")
		if err != nil {
			return err
		}
		element, err := packageElement(xml, file)
		if err != nil {
			return err
		}
		return r.publish("primary", bytes.Replace(xml, element, change(element), 1))
	})
}
