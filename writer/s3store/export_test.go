package s3store

// Label has uploads created with their checksum's algorithm on versitygw too.
func Label(c *Config) { c.label = true }
