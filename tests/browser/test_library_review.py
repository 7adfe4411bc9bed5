"""Groups of unknown faces and the keyboard review of a library in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.states import SECONDS, sign_in

NAMES = "/library/review?kind=names"


@pytest.fixture
def admin(page) -> Page:
    sign_in(page)
    return page


def undo_all(page: Page) -> None:
    """Undo the changes of a test, which others must not see."""
    page.goto("/library/changes")
    while page.get_by_role("button", name="Undo").count():
        page.get_by_role("button", name="Undo").first.click()
        expect(page.get_by_role("status")).to_contain_text("Undone:")


def decisions(page: Page) -> list[str]:
    page.goto("/library/changes")
    rows = page.locator(".log li")
    return [text for text in rows.all_inner_texts() if "undone" not in text]


def test_answers_by_keyboard_are_instant_and_can_be_undone(admin):
    page = admin
    before = len(decisions(page))
    page.goto(NAMES)
    questions = page.locator(".question").count()
    assert questions >= 2
    # The next question must not wait for the answer.
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/library/review", hold)
    first = page.locator(".question:visible figcaption").first.inner_text()
    page.keyboard.press("n")
    expect(page.locator(".question:visible figcaption").first).not_to_have_text(first)
    expect(page.locator(".question:visible h2")).to_be_focused()
    expect(page.locator(".count")).to_have_text(f"1 decision made, {questions - 1} left.")
    held[0].continue_()
    page.unroute("**/library/review")
    expect(page.locator("#review .message")).to_contain_text("1 face marked as not ")
    page.keyboard.press("u")
    expect(page.locator(".question:visible figcaption").first).to_have_text(first)
    expect(page.locator("#review .message")).to_contain_text("Undone: Face ")
    page.keyboard.press("s")
    page.keyboard.press("y")
    expect(page.locator("#review .message")).to_contain_text("1 face confirmed as ")
    expect(page.locator(".count")).to_have_text(f"1 decision made, {questions - 1} left.")
    assert len(decisions(page)) == before + 1
    undo_all(page)


def test_the_end_of_the_queue_shows_skipped_questions(admin):
    page = admin
    page.goto(NAMES)
    for _ in range(page.locator(".question").count()):
        page.keyboard.press("s")
    expect(page.locator(".end")).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator(".question:visible h2")).to_be_focused()
    page.keyboard.press("s")
    page.get_by_role("link", name="Show remaining questions").click()
    expect(page.locator(".question:visible")).to_have_count(1)


def test_a_lost_answer_shows_its_question_again(admin):
    page = admin
    page.goto(NAMES)
    page.route("**/library/review", lambda route: route.fulfill(body="no JSON"))
    first = page.locator(".question:visible figcaption").first.inner_text()
    page.get_by_role("button", name="Yes").first.click()
    expect(page.locator("#review .message")).to_have_text("The connection was lost. The question is shown again.")
    expect(page.locator(".question:visible figcaption").first).to_have_text(first)
    expect(page.locator(".count")).to_contain_text("0 decisions made")


def test_a_group_is_named_with_progress(admin):
    page = admin
    page.goto("/library/groups")
    page.get_by_role("link", name="4 faces").click()
    page.get_by_label("Name (new or known)").fill("Quxw Zzyzx")
    expect(page.get_by_role("button", name="New person “Quxw Zzyzx”")).to_be_visible()
    page.get_by_role("button", name="Name group").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is this Quxw Zzyzx?", timeout=SECONDS)
    page.get_by_role("button", name="Name without adding faces").click()
    expect(page.get_by_role("status")).to_contain_text("4 faces confirmed as Quxw Zzyzx. None was enrolled.")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("link", name="4 faces")).to_be_visible()


def test_new_faces_are_grouped(admin):
    page = admin
    page.goto("/library/groups")
    page.get_by_role("button", name="Group new faces").click()
    expect(page.get_by_text("0 new groups. 0 faces joined earlier groups.")).to_be_visible(timeout=SECONDS)


def test_the_review_works_without_javascript(browser, server, admin):
    context = browser.new_context(base_url=server.address, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    page.goto(NAMES)
    page.get_by_role("button", name="No").click()
    expect(page.get_by_role("status").first).to_contain_text("1 face marked as not ")
    page.get_by_role("button", name="Undo").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Undone:")
    context.close()
