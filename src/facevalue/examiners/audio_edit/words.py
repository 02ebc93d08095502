"""What each trace is called in a report, and what else makes it."""

from __future__ import annotations

LABELS = {
    "splice": "two stretches seem to be laid end to end",
    "place": "what follows seems to be recorded elsewhere",
    "background": "the background becomes another one",
    "level": "the background changes its level",
    "band": "the sound changes its bandwidth",
    "silence": "digital silence interrupts the recording",
    "offset": "the zero line steps",
    "clipping": "the clipping level changes",
    "reverb": "the room's reverberation changes",
    "hum": "the mains hum breaks its phase",
    "repeat": "a stretch occurs twice with one waveform",
}
INNOCENT = {
    "splice": "a mouth click, a knock, a lost packet, or a recorder that paused and went on",
    "place": "another speaker, a door, a moved microphone, noise suppression, or a call that changes its codec",
    "background": "a door, a passing car, noise suppression, or a microphone that was moved",
    "level": "automatic gain, noise suppression, or someone turning the level",
    "band": "a call that changes its codec or network, or speech without hissing sounds",
    "silence": "a mute button, a noise gate, or discontinuous transmission in a call",
    "offset": "low rumble, wind, or a recorder that settles after its start",
    "clipping": "a change of gain during the recording",
    "reverb": "a speaker who turns away, another speaker, or a moved microphone",
    "hum": "a device that switches on or off, a recorder that dropped samples, or speech at the pitch of the hum",
    "repeat": "music with loops or sampled drums, a ring tone, a played announcement, or concealed packet loss",
}
