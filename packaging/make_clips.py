"""Make the clips of the demo (dockd/demo/clips): real H.264 in MP4, of synthetic pictures with a running clock.

A developer's tool: it needs ffmpeg with libx264 and the DejaVu fonts, dockd never does. The clips differ in what
cameras differ in: length, bit rate, picture size, sound or none, index in front or at the end. Each is stamped
"synthetic" in the picture. The output of one ffmpeg version is the same to the bit wherever it runs: one thread,
no dates, no encoder strings; another version may give other bytes, which is why the clips are kept.

    python3 packaging/make_clips.py            make them, and clips.json which says what they are
"""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIPS = ROOT / "dockd/demo/clips"
MOST_IN_ALL = 3_000_000
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf"
PRE_RECORD_MOST = 3


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One clip: `picture` is a source of ffmpeg's lavfi; rates are in kbit/s, lengths in seconds."""

    name: str
    picture: str
    width: int
    height: int
    frames_per_second: int
    seconds: int
    kilobits: int
    began: datetime
    tone_hertz: int | None = None
    index_in_front: bool = False

    @property
    def pre_record_seconds(self) -> int:
        """How much of the clip is from before the button; a clip of two seconds has none."""
        return PRE_RECORD_MOST if self.seconds > PRE_RECORD_MOST else 0

    @property
    def source(self) -> str:
        """The picture with its caption: what it is, the camera's clock, and the seconds before the button."""
        small = max(12, self.height // 20)
        box = f"fontfile={FONT}:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=4:fontsize={small}"
        clock = rf"%{{pts\:gmtime\:{int(self.began.timestamp())}\:%F %TZ}}"
        joint = ":" if "=" in self.picture else "="
        picture = f"{self.picture}{joint}size={self.width}x{self.height}:rate={self.frames_per_second}"
        captions = (
            f"drawtext={box}:x=8:y=8:text='{clock}'",
            f"drawtext={box}:x=8:y=h-th-8:text='SYNTHETIC {self.name.upper()} %{{frame_num}}'",
            f"drawtext={box}:x=w-tw-8:y=8:text='PRE-RECORD':enable='lt(t,{self.pre_record_seconds})'",
        )
        return ",".join((picture, *captions))

    def command(self, target: Path) -> list[str]:
        """The whole ffmpeg call."""
        words = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y", "-filter_threads", "1"]
        words += ["-f", "lavfi", "-i", self.source]
        if self.tone_hertz:
            words += ["-f", "lavfi", "-i", f"sine=frequency={self.tone_hertz}:beep_factor=2:sample_rate=16000"]
            # The seconds before the button are without sound, as many forces set it.
            words += ["-af", f"volume=0:enable='lt(t,{self.pre_record_seconds})'", "-c:a", "aac", "-b:a", "24k"]
        words += ["-t", str(self.seconds), "-c:v", "libx264", "-preset", "slow", "-threads", "1", "-pix_fmt", "yuv420p"]
        words += ["-profile:v", "main", "-g", str(self.frames_per_second * 2), "-b:v", f"{self.kilobits}k"]
        words += ["-maxrate", f"{self.kilobits}k", "-bufsize", f"{2 * self.kilobits}k", "-map_metadata", "-1"]
        words += ["-bitexact", "-flags", "+bitexact", "-fflags", "+bitexact"]
        words += ["-movflags", "+faststart"] if self.index_in_front else []
        return [*words, str(target)]


def at(hour: int, minute: int) -> datetime:
    """A time of the evening that all clips are of."""
    return datetime(2026, 1, 9, hour, minute, tzinfo=UTC)


RECIPES = (
    Recipe(name="patrol", picture="testsrc2", width=640, height=360, frames_per_second=15, seconds=12, kilobits=260,
           began=at(18, 4), tone_hertz=440),
    Recipe(name="pursuit", picture="mandelbrot=end_pts=200", width=640, height=360, frames_per_second=25, seconds=8,
           kilobits=500, began=at(19, 31), index_in_front=True),
    Recipe(name="night", picture="gradients=seed=7:speed=0.02:c0=0x081020:c1=0x203050:c2=0x503818:nb_colors=3", width=480, height=270,
           frames_per_second=10, seconds=20, kilobits=90, began=at(22, 47)),
    Recipe(name="interview", picture="smptehdbars", width=320, height=240, frames_per_second=12, seconds=16,
           kilobits=64, began=at(20, 15), tone_hertz=330),
    Recipe(name="stumble", picture="life=seed=11:mold=10:ratio=0.2:death_color=0x204060:life_color=0xE0F0FF", width=320, height=180,
           frames_per_second=30, seconds=2, kilobits=900, began=at(21, 2)),
    Recipe(name="vehicle", picture="testsrc2", width=1280, height=720, frames_per_second=25, seconds=6, kilobits=800,
           began=at(23, 20), tone_hertz=220, index_in_front=True),
)  # fmt: skip


def main() -> int:
    """Make all clips and clips.json; 1 when they are too large together for the package."""
    CLIPS.mkdir(parents=True, exist_ok=True)
    described = []
    for recipe in RECIPES:
        target = CLIPS / f"{recipe.name}.mp4"
        subprocess.run(recipe.command(target), check=True)
        content = target.read_bytes()
        described.append(
            {
                "name": recipe.name,
                "seconds": recipe.seconds,
                "pre_record_seconds": recipe.pre_record_seconds,
                "width": recipe.width,
                "height": recipe.height,
                "frames_per_second": recipe.frames_per_second,
                "sound": recipe.tone_hertz is not None,
                "index_in_front": recipe.index_in_front,
                "size": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
        print(f"{target.relative_to(ROOT)}: {len(content)} bytes")
    (CLIPS / "clips.json").write_text(json.dumps(described, indent=2) + "\n")
    in_all = sum(path.stat().st_size for path in CLIPS.iterdir())
    print(f"{in_all} bytes in all, at most {MOST_IN_ALL}")
    return 0 if in_all <= MOST_IN_ALL else 1


if __name__ == "__main__":
    sys.exit(main())
