"""The two sides.

Generator: log mel bands and pitch -> two filters a frame, by ConvNeXt blocks (Vocos: Siuzdak 2023, arXiv:2306.00814);
the filters shape the spectra of pulses and of noise (neural source-filter: Wang, Takaki and Yamagishi 2019,
arXiv:1904.12088), and an inverse STFT makes the wave. The phase of speech is thus given by the pulses and only bent
by the network, which is why minutes on a CPU suffice where days on a GPU are usual.

Discriminator: small ones on the wave folded at five periods (HiFi-GAN: Kong, Kim and Bae 2020, arXiv:2010.05646) and
on the wave at three sampling rates (MelGAN: Kumar et al. 2019, arXiv:1910.06711).
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.parametrizations import weight_norm

from facevalue.lab.voices.neural import BANDS, BINS, HOP, MEL_FFT, N_FFT, RATE_HZ, TOP_LOG
from facevalue.lab.voices.spectra import hann, mel_bands, mel_spread

PERIODS = (2, 3, 5, 7, 11)
SCALES = (1, 2, 4)
Maps = list[list[Tensor]]


class Block(nn.Module):
    """ConvNeXt in one dimension (Liu et al. 2022): a wide depthwise filter over time, then a network per frame."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.over_time = nn.Conv1d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.widen, self.narrow = nn.Linear(channels, 3 * channels), nn.Linear(3 * channels, channels)
        self.scale = nn.Parameter(torch.full((channels,), 0.2))

    def forward(self, x: Tensor) -> Tensor:
        """(b, t, channels) -> the same shape."""
        y = self.over_time(x.transpose(1, 2)).transpose(1, 2)
        y = self.narrow(F.gelu(self.widen(self.norm(y)), approximate="tanh"))
        moved: Tensor = x + self.scale * y
        return moved


class Filters(nn.Module):
    """features float32 (b, t, BANDS + 2) -> filters (b, t, 3, BINS): log gain and phase for pulses, log gain for noise.

    Features: log mel power, voiced (0 or 1), octaves above 100 Hz (0 where unvoiced). This part is what ships.
    """

    spread: Tensor

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.enter = nn.Conv1d(BANDS + 2, channels, 7, padding=3)
        self.norm_in = nn.LayerNorm(channels)
        self.blocks = nn.Sequential(*(Block(channels) for _ in range(blocks)))
        self.norm_out = nn.LayerNorm(channels)
        self.leave = nn.Linear(channels, 3 * BINS)
        nn.init.normal_(self.leave.weight, std=0.01)
        nn.init.zeros_(self.leave.bias)
        spread = torch.from_numpy(mel_spread(N_FFT, BANDS, RATE_HZ)).float()
        self.register_buffer("spread", spread, persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """See the class. The gains start from what the mel bands say and are corrected."""
        x = torch.cat([features[..., :BANDS] / 4 + 1, features[..., BANDS:]], dim=-1)
        x = self.norm_in(self.enter(x.transpose(1, 2)).transpose(1, 2))
        raw = self.leave(self.norm_out(self.blocks(x)))
        gain = 0.5 * features[..., :BANDS] @ self.spread
        pulse, phase, noise = raw.split(BINS, dim=-1)
        return torch.stack([(gain + pulse).clamp(max=TOP_LOG), phase, (gain + noise).clamp(max=TOP_LOG)], dim=-2)


class Generator(nn.Module):
    """Filters and the inverse STFT behind them."""

    window: Tensor
    mel_window: Tensor
    bands: Tensor

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.filters = Filters(channels, blocks)
        self.register_buffer("window", torch.from_numpy(hann(N_FFT)).float(), persistent=False)

    def forward(self, features: Tensor, pulses: Tensor, noise: Tensor) -> Tensor:
        """features (b, t, BANDS + 2); pulses, noise: waves (b, (t - 1) * HOP). Returns waves of that shape."""
        pulse, phase, hiss = self.filters(features).transpose(1, 3).unbind(dim=2)
        shaped = torch.polar(pulse.exp(), phase) * self._spectra(pulses) + hiss.exp() * self._spectra(noise)
        return torch.istft(shaped, N_FFT, HOP, window=self.window, length=pulses.shape[-1])

    def _spectra(self, wave: Tensor) -> Tensor:
        return torch.stft(wave, N_FFT, HOP, window=self.window, return_complex=True)


class MelLoss(nn.Module):
    """Mean absolute difference of log mel bands, averaged over window lengths; and log_mel itself."""

    def __init__(self) -> None:
        super().__init__()
        for n in (256, MEL_FFT, 2048):
            self.register_buffer(f"window{n}", torch.from_numpy(hann(n)).float(), persistent=False)
            bands = BANDS if n >= MEL_FFT else BANDS // 2
            self.register_buffer(f"bands{n}", torch.from_numpy(mel_bands(n, bands, RATE_HZ)).float(), persistent=False)

    def log_mel(self, wave: Tensor, n: int = MEL_FFT, hop: int = HOP, floor: float = 1e-10) -> Tensor:
        """(b, samples) -> (b, t, bands), as spectra.log_mel."""
        window, bands = getattr(self, f"window{n}"), getattr(self, f"bands{n}")
        spectrum = torch.stft(wave, n, hop, window=window, return_complex=True)
        power = (spectrum.real**2 + spectrum.imag**2) / (window**2).sum()
        return torch.log(power.transpose(1, 2) @ bands + floor)

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Scalar. What lies 70 dB and more below full scale does not count."""
        total = torch.zeros(())
        for n in (256, MEL_FFT, 2048):
            total = total + F.l1_loss(self.log_mel(made, n, n // 4, 1e-7), self.log_mel(real, n, n // 4, 1e-7))
        return total / 6  # amplitude rather than power, mean of three


class Folded(nn.Module):
    """Every `period`-th sample, from each of the `period` first ones on, filtered over time."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        sizes = (1, 8, 24, 48, 64)
        self.layers = nn.ModuleList(weight_norm(nn.Conv1d(a, b, 5, 3, 2)) for a, b in itertools.pairwise(sizes))
        self.score = weight_norm(nn.Conv1d(sizes[-1], 1, 3, padding=1))

    def forward(self, wave: Tensor) -> list[Tensor]:
        """(b, 1, n) -> maps of every layer, the scores last; the folds lie in the batch."""
        x = F.pad(wave, (0, -wave.shape[-1] % self.period), mode="reflect").unflatten(-1, (-1, self.period))
        return _through(x.permute(0, 3, 1, 2).flatten(0, 1), self.layers, self.score)


class Scaled(nn.Module):
    """The wave at a fraction of its sampling rate, strided filters over time."""

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.layers = nn.ModuleList(
            [
                weight_norm(nn.Conv1d(1, 12, 15, 2, 7)),
                weight_norm(nn.Conv1d(12, 32, 21, 4, 10)),
                weight_norm(nn.Conv1d(32, 64, 21, 4, 10, groups=4)),
                weight_norm(nn.Conv1d(64, 64, 5, padding=2)),
            ]
        )
        self.score = weight_norm(nn.Conv1d(64, 1, 3, padding=1))

    def forward(self, wave: Tensor) -> list[Tensor]:
        """(b, 1, n) -> maps of every layer, the scores last."""
        x = F.avg_pool1d(wave, 2 * self.scale, self.scale, self.scale // 2) if self.scale > 1 else wave
        return _through(x, self.layers, self.score)


def _through(x: Tensor, layers: nn.ModuleList, score: nn.Module) -> list[Tensor]:
    maps = []
    for layer in layers:
        x = F.leaky_relu(layer(x), 0.1)
        maps.append(x)
    return [*maps, score(x)]


class Discriminators(nn.Module):
    """All of them: waves (b, n) -> for each, the maps of its layers, the scores last."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.ModuleList([*(Folded(p) for p in PERIODS), *(Scaled(s) for s in SCALES)])

    def forward(self, wave: Tensor) -> Maps:
        """See the class."""
        return [one(wave[:, None]) for one in self.all]
