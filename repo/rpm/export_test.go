package rpm

// WithMaxPayload returns the options with a lower bound than MaxPayload.
func (o Options) WithMaxPayload(n int64) Options {
	o.maxPayload = n
	return o
}
