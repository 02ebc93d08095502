"""Sound: levels, spectra, where speech is. Pure functions over 16 kHz mono samples."""
