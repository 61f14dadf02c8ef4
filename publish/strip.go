package publish

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// StripSignature returns an rpm without its OpenPGP signatures, as rpmsign
// --delsign leaves it; the digests stay.
func StripSignature(ctx context.Context, name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "delsign-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary copy
	work := filepath.Join(dir, "package.rpm")
	if err := os.WriteFile(work, data, 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.CommandContext(ctx, "rpmsign", "--delsign", work).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("rpmsign --delsign %s: %w: %s", name, err, out)
	}
	return os.ReadFile(work)
}
