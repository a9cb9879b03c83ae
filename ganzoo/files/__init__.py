"""Reads and writes images and gaze labels in users' own files: folders of images, and npz archives."""
