package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sigs.k8s.io/pkgverify/repo"
)

// MaxReportSize bounds a report that is read, in bytes. Fifty repositories of
// a thousand packages each make about 150 MB.
const MaxReportSize = 256 << 20

// ErrReportTooLarge says that a report is larger than [MaxReportSize].
var ErrReportTooLarge = errors.New("the report is larger than 256 MiB")

// SchemaError says that a report is of another schema than [Schema].
type SchemaError struct {
	// Got is the schema that the report names, "" if it names none.
	Got string
}

// Error names both schemas and the next step.
func (e *SchemaError) Error() string {
	if e.Got == "" {
		return fmt.Sprintf("not a report: it names no schema, wanted %q", Schema)
	}
	return fmt.Sprintf("the report's schema is %q, wanted %q: read it with the version of pkgverify that wrote it", e.Got, Schema)
}

// WriteJSON writes r as indented JSON with a newline at its end. Equal reports
// give equal bytes. Lists are never null.
//
// Packages are encoded one by one: a repository may have 100,000, and the
// whole text would be some hundred megabytes in memory, several times over.
func (r *Report) WriteJSON(w io.Writer) error {
	frame := r.filled()
	frame.Repositories = []repo.Repository{}
	out := &pieces{w: bufio.NewWriter(w)}
	err := writeJSON(out, &frame, r.Repositories)
	if err == nil {
		err = out.w.Flush()
	}
	if err != nil {
		return fmt.Errorf("write the report as JSON: %w", err)
	}
	return nil
}

// pieces writes pieces of a text. The error of the first that fails comes again
// when the buffer is flushed (package bufio), so that none is looked at before.
type pieces struct{ w *bufio.Writer }

func (p *pieces) add(parts ...string) {
	for _, s := range parts {
		_, _ = p.w.WriteString(s)
	}
}

// filled returns r with empty lists where it has none.
func (r *Report) filled() Report {
	c := *r
	c.Plan.Channels = orEmpty(c.Plan.Channels)
	c.Plan.Minors = orEmpty(c.Plan.Minors)
	c.Plan.Versions = orEmpty(c.Plan.Versions)
	c.Plan.Targets = orEmpty(c.Plan.Targets)
	c.Plan.Architectures = orEmpty(c.Plan.Architectures)
	c.Plan.Packages = orEmpty(c.Plan.Packages)
	c.Plan.Cells = orEmpty(c.Plan.Cells)
	c.Results = orEmpty(c.Results)
	c.Repositories = orEmpty(c.Repositories)
	c.Cells = append([]Cell{}, c.Cells...)
	for i := range c.Cells {
		c.Cells[i].Steps = orEmpty(c.Cells[i].Steps)
	}
	return c
}

// writeJSON writes the report with the repositories put into its empty list.
func writeJSON(out *pieces, report *Report, repositories []repo.Repository) error {
	frame, err := marshal(report, "")
	if err != nil {
		return err
	}
	// No string of JSON holds a newline, so that this is the list itself.
	const list = "\n  \"repositories\": ["
	head, tail, _ := bytes.Cut(frame, []byte(list))
	out.add(string(head))
	out.add(list)
	for i := range repositories {
		if err := writeRepository(out, &repositories[i], i); err != nil {
			return err
		}
	}
	if len(repositories) > 0 {
		out.add("\n  ")
	}
	out.add(string(tail))
	return nil
}

// writeRepository writes element i of the list of repositories.
func writeRepository(out *pieces, r *repo.Repository, i int) error {
	const indent = "    "
	c := *r
	c.Packages = nil // the last member, left out when empty
	frame, err := marshal(&c, indent)
	if err != nil {
		return err
	}
	if i > 0 {
		out.add(",")
	}
	out.add("\n" + indent)
	out.add(string(bytes.TrimSuffix(frame, []byte("\n"+indent+"}\n"))))
	for j := range r.Packages {
		if j == 0 {
			out.add(",\n" + indent + "  \"packages\": [")
		} else {
			out.add(",")
		}
		p, err := marshal(&r.Packages[j], indent+indent)
		if err != nil {
			return err
		}
		out.add("\n" + indent + indent)
		out.add(string(bytes.TrimSuffix(p, []byte("\n"))))
	}
	if len(r.Packages) > 0 {
		out.add("\n" + indent + "  ]")
	}
	out.add("\n" + indent + "}")
	return nil
}

// orEmpty returns s, or an empty list for nil.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// marshal returns v as indented JSON with a newline at its end; the lines behind
// the first begin with the prefix. Signs such as < stay as they are: the
// files are read by people, and whoever puts them into a page escapes them.
func marshal(v any, prefix string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent(prefix, "  ")
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Read reads a report. Errors are a [*SchemaError] for another schema,
// [ErrReportTooLarge], an error of r, or one that says what does not parse.
// Fields that report v1 does not have are refused: they would be lost when the
// report is written again.
func Read(r io.Reader) (*Report, error) {
	return read(r, MaxReportSize)
}

// read is [Read] with a bound of its own.
func read(r io.Reader, limit int64) (*Report, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read the report: %w", ErrReportTooLarge)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("read the report: not whole JSON: %w", err)
	}
	if head.Schema != Schema {
		return nil, &SchemaError{Got: head.Schema}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var report Report
	if err := dec.Decode(&report); err != nil {
		return nil, fmt.Errorf("read the report: not as %s says: %w", Schema, err)
	}
	return &report, nil
}

// reportMode is the mode of written files: the sidecar that uploads a job's
// artifacts runs as another user.
const reportMode = 0o644

// WriteFile writes a file of the artifacts folder so that readers find the old
// content or the new one, whole: under a temporary name in the same folder,
// flushed to the disk, then renamed. It makes the folder if need be. The name
// must be a plain file name. After an error no temporary file is left.
func WriteFile(dir, name string, write func(io.Writer) error) (err error) {
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return fmt.Errorf("write %q in %s: not a plain file name", name, dir)
	}
	// The errors of os name the path and the operation.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the artifacts folder: %w", err)
	}
	f, err := os.CreateTemp(dir, "."+name+".*.tmp")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer func() {
		if err != nil {
			// The first error is the one to tell; these only tidy up.
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err = f.Chmod(reportMode); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err = write(f); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err = os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
