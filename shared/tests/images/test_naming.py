"""Keys that must never change by accident, and names that must be harmless."""

from typing import Any

import pytest

from fanfare_shared.images.formats import ImageFormat
from fanfare_shared.images.naming import download_name, output_key
from fanfare_shared.images.pipeline import DEFAULT_PIPELINE, Variant

SOURCE = bytes(range(32))
MARK = bytes(32)
IMAGE_ID = "0198f6a0-0000-7000-8000-000000000001"


def variant(**fields: Any) -> Variant:
    return Variant.model_validate({"name": "small", **fields})


def key(mark: bytes | None = None, written: ImageFormat = ImageFormat.JPEG, **fields: Any) -> str:
    return output_key(SOURCE, variant(**fields), written, mark)


def test_keys_are_what_they_were() -> None:
    """Golden: a change here makes every stored variant be made again, so it comes with a new ENGINE_VERSION."""
    assert (
        output_key(SOURCE, DEFAULT_PIPELINE.variants[0], ImageFormat.JPEG)
        == "variants/8a/8aac46462af3179ae02334b56385fc1926b7930103796bb2647a58fb201e88a2.jpg"
    )
    assert (
        key(thumbnail=150, quality=70, metadata="copyright", written=ImageFormat.WEBP)
        == "variants/f7/f7dd26506ce8193d93aebc8f4ac758fb52d71050a7717b7d6dd1c8c7ffd9e406.webp"
    )
    assert (
        key(MARK, watermark={"image_id": IMAGE_ID, "tile": True})
        == "variants/4f/4f35e4b12294b8fff34b398713ce0ba4ad1bcd005948fe60903284b650d3a0d6.jpg"
    )


def test_the_same_work_has_the_same_key() -> None:
    assert key(name="one", thumbnail=150) == key(
        name="two", resize={"mode": "cover", "width": 150, "height": 150, "crop": "attention"}, format="jpeg"
    )
    other_id = IMAGE_ID.replace("1", "2")
    assert key(MARK, watermark={"image_id": IMAGE_ID}) == key(MARK, watermark={"image_id": other_id})


def test_other_work_has_another_key() -> None:
    keys = [
        key(),
        key(resize={"max_width": 150, "max_height": 150}),
        key(resize={"mode": "exact", "width": 150, "height": 150}),
        key(thumbnail=150),
        key(resize={"mode": "cover", "width": 150, "height": 150, "crop": "centre"}),
        key(quality=84),
        key(background="#000000"),
        key(metadata="copyright"),
        key(written=ImageFormat.PNG),
        key(watermark={"text": "a"}),
        key(watermark={"text": "b"}),
        key(MARK, watermark={"image_id": IMAGE_ID}),
        key(SOURCE, watermark={"image_id": IMAGE_ID}),
        output_key(MARK, variant(), ImageFormat.JPEG),
    ]
    assert len(set(keys)) == len(keys)


def test_the_watermarks_digest_is_asked_for() -> None:
    with pytest.raises(ValueError, match="watermark_digest"):
        key(watermark={"image_id": IMAGE_ID})
    with pytest.raises(ValueError, match="watermark_digest"):
        key(MARK)


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        ("photo.png", "photo_resized.jpg"),
        ("holiday.2024.jpeg", "holiday.2024_resized.jpg"),
        ("noextension", "noextension_resized.jpg"),
        ("사진.jpg", "사진_resized.jpg"),
        ("../../etc/passwd", "passwd_resized.jpg"),
        ("C:\\photos\\cat.jpg", "C:_photos_cat_resized.jpg"),
        ('a\r\nb\x00"c.jpg', 'a__b_"c_resized.jpg'),
        ("", "image_resized.jpg"),
        ("/", "image_resized.jpg"),
    ],
)
def test_a_download_is_called_after_its_original(original: str, expected: str) -> None:
    assert download_name(original, "resized", ".jpg") == expected


@pytest.mark.parametrize("character", ["a", "가", "\N{GRINNING FACE}"])
def test_a_name_of_10000_characters_is_cut_to_what_a_file_system_takes(character: str) -> None:
    name = download_name(character * 10_000 + ".png", "resized", ".webp")
    assert name.endswith(character + "_resized.webp")
    assert 250 < len(name.encode()) <= 255
