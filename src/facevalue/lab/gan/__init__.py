"""A generator against a discriminator: R3GAN (Huang et al. 2024, arXiv:2501.05441), small enough to read.

Read it in this order: `networks` (who plays), `losses` (what each wants), `augment` (what the judge may see), `loop`
(how they play). Around them: `recipe` (every number), `pictures` (what they learn from), `draws` (all the chance there
is), `ranks` (several processes), `checkpoint`, `progress`, `labels`, `distance` and `show`.

Nothing here imports torch until a network is needed: the command can say what to install.
"""
