"""The zoo: small autoencoders that differ in how they up-sample and in their bottleneck, trained here."""
