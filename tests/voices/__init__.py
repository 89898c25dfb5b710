"""Voices as earlier versions wrote them, with what they said then: every later version has to read and speak them."""
