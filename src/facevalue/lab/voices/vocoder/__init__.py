"""The small GAN vocoder: a source-filter generator with an inverse STFT at its end, against discriminators at several
scales and periods. This folder trains it and needs torch; `voices.neural` runs what it exports, without torch.

    recipe  networks  losses  speech  loop  checkpoint  run  export
"""
