"""The same words in Chinese: ``Library    SageLibrary.chinese.Chinese``, as resources/zh-CN/cluster.resource has it."""

from SageLibrary.chinese.library import Chinese

__all__ = ["Chinese"]
