"""What is uploaded comes back as variants whose pixels are right."""

import httpx
import pyvips

from fanfare_shared.testing.polling import until
from harness.album import Album
from harness.images.pictures import CORNERS, animation, corner_colours, cornered_jpeg, is_near, with_alpha

SMALL = cornered_jpeg(64, 48)


def decoded(data: bytes) -> pyvips.Image:
    return pyvips.Image.new_from_buffer(data, "")


def stored(album: Album) -> set[str]:
    return {file.name for file in album.fleet.storage.rglob("*") if file.is_file()}


def test_a_folder_of_photos_keeps_its_structure_and_each_becomes_its_variants(album: Album) -> None:
    files = {
        "2026/beach.jpg": cornered_jpeg(1600, 1200),
        "2026/phone.jpg": cornered_jpeg(900, 1200, orientation=6),
        "산/logo.png": with_alpha(400, 300).pngsave_buffer(),
        "party.gif": animation(120, 80).gifsave_buffer(),
    }
    taken = album.add(files, preset="thumbnails", owner="ada")
    assert [(image["name"], image["status"]) for image in taken["images"]] == [
        (path.rpartition("/")[2], "processing") for path in files
    ]
    images = album.images(status="ready", owner="ada")
    assert images.keys() == files.keys()
    sides = {
        path: {name: (variant["width"], variant["height"]) for name, variant in image["variants"].items()}
        for path, image in images.items()
    }
    assert sides == {
        "2026/beach.jpg": {"resized": (800, 600), "medium": (400, 300), "thumbnail": (150, 150)},
        "2026/phone.jpg": {"resized": (450, 600), "medium": (225, 300), "thumbnail": (150, 150)},
        "산/logo.png": {"resized": (400, 300), "medium": (400, 300), "thumbnail": (150, 150)},
        "party.gif": {"resized": (120, 80), "medium": (120, 80), "thumbnail": (80, 80)},
    }
    for path in ("2026/beach.jpg", "2026/phone.jpg"):
        variant = images[path]["variants"]["resized"]
        picture = decoded(album.download(variant["address"]))
        assert (picture.width, picture.height) == (variant["width"], variant["height"])
        assert all(is_near(one, other) for one, other in zip(corner_colours(picture), CORNERS, strict=True)), path
    logo, party = (images[path]["variants"]["resized"] for path in ("산/logo.png", "party.gif"))
    assert (logo["filename"], decoded(album.download(logo["address"])).bands) == ("logo_resized.png", 4)
    assert (party["filename"], party["pages"]) == ("party_resized.gif", 4)
    assert decoded(album.download(party["address"])).get("n-pages") == 4


def test_an_original_comes_back_byte_by_byte_and_a_link_needs_no_key(album: Album) -> None:
    photo = cornered_jpeg(640, 480)
    (image,) = album.add({"photo.jpg": photo})["images"]
    original = album.client.http.get(f"/v1/images/{image['id']}/original")
    assert original.content == photo
    assert original.headers["content-disposition"].startswith("attachment")
    link = album.client.post(f"/v1/images/{image['id']}/links", what="resized", expires_in=60)
    answer = httpx.get(link["url"], trust_env=False)
    assert answer.status_code == 200
    assert len(answer.content) == album.images()["photo.jpg"]["variants"]["resized"]["size"]
    assert httpx.get(f"{album.fleet.api_url}/v1/images/{image['id']}/original", trust_env=False).status_code == 401


def test_the_same_bytes_are_another_image_and_are_stored_and_worked_on_once(album: Album) -> None:
    photo = cornered_jpeg(1000, 800)
    (first,) = album.add({"a.jpg": photo})["images"]
    before = stored(album)
    (second,) = album.add({"b.jpg": photo})["images"]
    assert second["duplicate_of"] == first["id"]
    # What was stored to be hashed is removed after the answer.
    until("nothing more is stored", lambda: not stored(album) - before, 60)
    images = album.images(status="ready")
    assert images.keys() == {"a.jpg", "b.jpg"}
    assert len({album.download(image["variants"]["resized"]["address"]) for image in images.values()}) == 1


def test_100_files_are_a_bulk_job_by_themselves_and_99_are_not(album: Album) -> None:
    many = album.upload({f"{number}.jpg": album.photo(number, SMALL) for number in range(100)})
    assert album.job(many["job_id"])["lane"] == "images.bulk"
    few = album.upload({f"{number}-again.jpg": album.photo(number, SMALL) for number in range(99)})
    assert album.job(few["job_id"])["lane"] == "images.interactive"
    assert [album.finish(taken["job_id"])["succeeded"] for taken in (many, few)] == [100, 99]
    assert len(album.images(status="ready")) == 199


def test_what_is_no_image_is_named_with_the_reason_and_the_rest_is_taken(album: Album) -> None:
    files = {
        "good.jpg": SMALL,
        "text.jpg": b"This is no photo.",
        "empty.jpg": b"",
        "../../etc/passwd": SMALL,
        "cut.jpg": cornered_jpeg(320, 240)[:3000],
    }
    taken = album.add(files)
    assert {file["name"]: file["code"] for file in taken["rejected"]} == {
        "text.jpg": "IMAGE_TYPE_UNSUPPORTED",
        "empty.jpg": "IMAGE_EMPTY",
        "../../etc/passwd": "NAME_INVALID",
    }
    images = album.images()
    assert {name: image["status"] for name, image in images.items()} == {"good.jpg": "ready", "cut.jpg": "failed"}
    assert images["cut.jpg"]["error"]["code"] == "IMAGE_CORRUPT"
