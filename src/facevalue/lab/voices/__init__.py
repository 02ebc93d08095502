"""Voices: synthesised, resynthesised, converted; always labelled.

speakers  klatt  phones  letters  programs      text -> speech
pitch  envelope  world  griffin_lim  neural     speech -> the same speech, through a vocoder (VOCODERS)
vocoder/                                        trains the small GAN vocoder; the one place that needs torch
mapping  convert                                one consenting voice -> another
"""
