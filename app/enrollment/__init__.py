"""Enrollment: review photos, enroll people, import folders, check the gallery."""
