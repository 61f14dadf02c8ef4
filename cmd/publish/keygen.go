package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sigs.k8s.io/pkgverify/publish"
)

func newKeygen() *cobra.Command {
	var name, email, private, public string
	var days int
	cmd := &cobra.Command{
		Use:   "keygen --private FILE --public FILE",
		Short: "Make a signing key: RSA 2048, for signing only, as OBS makes for a project",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := missing(map[string]string{"private": private, "public": public, "name": name, "email": email}); err != nil {
				return err
			}
			if days < 0 || days > 20000 {
				return usageError{fmt.Errorf("--days %d: want 0 (never expires) to 20000", days)}
			}
			now, err := clock()
			if err != nil {
				return err
			}
			key, err := publish.GenerateKey(name, email, now(), time.Duration(days)*24*time.Hour)
			if err != nil {
				return err
			}
			secret, err := key.Private()
			if err != nil {
				return err
			}
			// An existing private key is never written over.
			f, err := os.OpenFile(private, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			_, err = f.Write(secret)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			text, err := key.Public()
			if err != nil {
				return err
			}
			if err := os.WriteFile(public, text, 0o644); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), key.Fingerprint())
			return nil
		},
	}
	cmd.Flags().StringVar(&private, "private", "", "file for the private key; must not exist yet")
	cmd.Flags().StringVar(&public, "public", "", "file for the public key")
	cmd.Flags().StringVar(&name, "name", "pkgverify publisher", "name in the key")
	cmd.Flags().StringVar(&email, "email", "publisher@pkgverify.invalid", "address in the key")
	cmd.Flags().IntVar(&days, "days", int(publish.DefaultKeyLifetime/(24*time.Hour)), "days until the key expires; 0 for never")
	return cmd
}
